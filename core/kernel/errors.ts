// Owns the second kind of error, the fault: something operational that went wrong, thrown, with a stable
// code. (The first kind, a rejection, is a value returned by a decider; the third, a bug, is in assert.ts.)

/** Every code of a fault. A gateway maps each to its dialect's error. */
export const FAULT_CODES = {
  /** The stream was not at the revision that the append expected. */
  conflict: { retryable: true },
  /** Too few replicas answered. `details` has each node's outcome. */
  'quorum-not-reached': { retryable: true },
  /** No replica of this chunk could be read whole. */
  'chunk-unreadable': { retryable: true },
  /** This store has no such chunk. */
  'chunk-missing': { retryable: false },
  /** The stored bytes do not match their checksum. */
  'chunk-corrupt': { retryable: false },
  /** The device has no space left. */
  'no-space': { retryable: false },
  /** A stored file is damaged where it cannot have been torn by a crash. */
  corruption: { retryable: false },
  /** The part is closed or closing. */
  closed: { retryable: true },
  /** The part is too busy: a limit of limits.ts was reached. */
  busy: { retryable: true },
  /**
   * The log's servers cannot be reached. Of an append `details` has the `outcome`: `not-written`, or
   * `unknown`, and then its events may still come to stand.
   */
  'log-unavailable': { retryable: true },
  /** The other machine, or this device of it, cannot be reached. */
  unreachable: { retryable: true },
  /** No answer came in time; what was asked for may have been done or not. */
  timeout: { retryable: true },
  /** The client went away or sent less than it announced. */
  aborted: { retryable: false },
  /** Another process holds the data directory. */
  locked: { retryable: false },
} as const;

export type FaultCode = keyof typeof FAULT_CODES;

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly details: unknown;

  constructor(code: FaultCode, message: string, options?: { cause?: unknown; details?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }

  get retryable(): boolean {
    return FAULT_CODES[this.code].retryable;
  }
}

export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}
