// Owns the port behind the operator's commands. It has two sides: the running program, reached by its control socket,
// and a program opened for the one command when none is running. A command cannot tell which of them it has.

import type { Rejection } from '#core/kernel/decider.ts';
import type { AccountAdmin } from '#services/account-admin.ts';

/** How far a long piece of work is: `done` of `total` of whatever it counts. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type ReportProgress = (progress: Progress) => void;

export interface ReplayReport {
  readonly events: number;
  readonly rows: number;
  /** Whether the rebuilt table was, byte for byte, the running one. */
  readonly equal: boolean;
}

export interface VerifyReport {
  readonly events: number;
  readonly bytes: number;
  readonly files: number;
}

export interface TailRequest {
  /** False: ends with what is there now. */
  readonly follow: boolean;
  /** Families to be shown; all when empty. */
  readonly categories: readonly string[];
}

/** An event of the log as an operator reads it: decoded, with secrets left sealed. */
export interface ReadableEvent {
  readonly position: string;
  readonly time: string;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: unknown;
  readonly actor: { readonly user: string; readonly project: string; readonly requestId: string };
  readonly id: string;
  readonly causationId: string;
  readonly correlationId: string;
}

export interface Operations extends AccountAdmin {
  /** Rebuilds the read model from the log, beside the running one, and compares the two. */
  replay(projection: string, report: ReportProgress): Promise<ReplayReport | Rejection<'no-such-projection'>>;
  /**
   * Reads the whole log and checks every checksum and the hash chain.
   * @throws Fault `corruption`, which names the position.
   */
  verifyLog(report: ReportProgress): Promise<VerifyReport>;
  /** Ends at the end of the log, or, following, when `signal` is aborted. */
  tailLog(request: TailRequest, signal: AbortSignal): AsyncIterable<readonly ReadableEvent[]>;
}
