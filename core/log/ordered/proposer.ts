// Owns the proposals of this process to one partition: gathers what waits into one produce, keeps at most
// one under way so that the order holds, repeats it until it is acknowledged or nobody waits for it any
// more, and answers each append when two things are known: the log has it durably, and the fold has judged
// it. The guarantee: what was answered with success is durable and was judged good by every reader; whose
// outcome is not known by its deadline is told so, and never acknowledged.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Appended, AppendRequest } from '../event-log.ts';
import type { Verdict } from './partition-fold.ts';

export interface ProposerParts {
  readonly clock: Clock;
  /** Numbers the request for the log; each call gives a higher sequence. */
  encode(request: AppendRequest): { readonly sequence: number; readonly bytes: Buffer };
  produce(records: readonly Uint8Array[]): Promise<void>;
  /** Ends the waiting between two attempts. */
  readonly signal: AbortSignal;
}

interface Pending {
  readonly request: AppendRequest;
  readonly deadlineMs: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (fault: unknown) => void;
  sequence: number;
  bytes: Buffer;
  isSent: boolean;
  isAcknowledged: boolean;
  isAnswered: boolean;
  verdict: Exclude<Verdict, { kind: 'void' }> | undefined;
}

export class Proposer {
  readonly #parts: ProposerParts;
  /** Those without an answer, by sequence. */
  readonly #pending = new Map<number, Pending>();
  #queue: Pending[] = [];
  #isPumping = false;
  #pendingBytes = 0;
  #drained: (() => void)[] = [];

  constructor(parts: ProposerParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#pending.size;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  propose(request: AppendRequest, deadlineMs: number): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const { sequence, bytes } = this.#parts.encode(request);
      const answer = { request, deadlineMs, resolve, reject, sequence, bytes };
      this.#enqueue({ ...answer, ...NEW });
    });
  }

  /** What the fold found at the position of one of our own proposals. */
  judged(sequence: number, verdict: Verdict): void {
    const pending = this.#pending.get(sequence);
    if (!pending || pending.verdict) return;
    if (verdict.kind !== 'void') {
      pending.verdict = verdict;
      this.#settle(pending);
      return;
    }
    // It is void for ever, whatever its guards said: so it may be proposed again as if it had never been.
    this.#forget(pending);
    this.#enqueue({ ...pending, ...this.#parts.encode(pending.request), ...NEW });
  }

  /** Gives up whose deadline has passed. */
  expire(nowMs: number): void {
    for (const pending of this.#pending.values()) {
      if (pending.deadlineMs > nowMs) continue;
      const outcome = pending.isSent ? 'unknown' : 'not-written';
      const { stream } = pending.request;
      const message = `the log did not answer in time: append to ${stream} is ${outcome}`;
      this.#fail(pending, new Fault('log-unavailable', message, { details: { outcome } }));
    }
    this.#queue = this.#queue.filter(({ isAnswered }) => !isAnswered);
  }

  /** Rejects what was not handed to the log yet; resolves when the rest has its answer. */
  async close(): Promise<void> {
    const closed = new Fault('closed', 'the log is closed');
    for (const pending of this.#queue) this.#fail(pending, closed);
    this.#queue = [];
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** The log goes on no more. */
  stop(fault: unknown): void {
    for (const pending of this.#pending.values()) this.#fail(pending, fault);
    this.#queue = [];
  }

  #enqueue(pending: Pending): void {
    this.#pending.set(pending.sequence, pending);
    this.#pendingBytes += pending.bytes.length;
    this.#queue.push(pending);
    if (this.#isPumping) return;
    this.#isPumping = true;
    // Whoever appends in this turn of the loop goes along.
    setImmediate(() => this.#pump());
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) await this.#produce(this.#takeBatch());
    this.#isPumping = false;
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const pending of this.#queue) {
      bytes += pending.bytes.length;
      if (count > 0 && (bytes > limits.orderedProduceBytes || count >= limits.orderedProduceRecords)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #produce(batch: readonly Pending[]): Promise<void> {
    let waiting = batch;
    for (const pending of batch) pending.isSent = true;
    while (waiting.length > 0 && !this.#parts.signal.aborted) {
      try {
        await this.#parts.produce(waiting.map(({ bytes }) => bytes));
        for (const pending of waiting) {
          pending.isAcknowledged = true;
          this.#settle(pending);
        }
        return;
      } catch {
        // Its adapter has told of it; to us it means only that the outcome is not known.
        await this.#parts.clock.sleep(limits.orderedRetryMs, this.#parts.signal);
        waiting = waiting.filter(({ isAnswered }) => !isAnswered);
      }
    }
  }

  #settle(pending: Pending): void {
    const { verdict } = pending;
    if (pending.isAnswered || !pending.isAcknowledged || !verdict) return;
    this.#forget(pending);
    if (verdict.kind === 'accepted') pending.resolve(verdict.appended);
    else pending.reject(verdict.fault);
    this.#tellDrained();
  }

  #fail(pending: Pending, fault: unknown): void {
    this.#forget(pending);
    pending.reject(fault);
    this.#tellDrained();
  }

  #forget(pending: Pending): void {
    pending.isAnswered = true;
    this.#pending.delete(pending.sequence);
    this.#pendingBytes -= pending.bytes.length;
  }

  #tellDrained(): void {
    if (this.#pending.size > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

const NEW = { isSent: false, isAcknowledged: false, isAnswered: false, verdict: undefined };
