// Owns the void rule. Each reader folds a partition in order into an embedded log of its own, which judges
// `expect` and guards at the proposal's position: what does not hold there leaves no trace, in any copy,
// for ever, since every copy judges the same proposals in the same order. So the local copy has the
// accepted events and nothing else, numbered without gap, and following, reading a stream and guards are
// the embedded log's.
//
// After a start the fold goes on from its checkpoint, which lags behind the copy: what the copy has beyond
// it was judged already, and is recognised by the ids of the events, not judged again on a later state.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { EmbeddedLog } from '../embedded/embedded-log.ts';
import type { EventIdSource } from '../embedded/record.ts';
import type { Appended, RecordedEvent } from '../event-log.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint.ts';
import { decodeRecord, eventIdBytes, eventIdOf, type Proposal } from './envelope.ts';
import type { OrderedLog, OrderedRecord } from './ordered-log.ts';
import { ProposalWindow } from './proposal-window.ts';

export type Verdict =
  | { readonly kind: 'accepted'; readonly appended: Appended }
  /** Its guards did not hold: a fault `conflict`. */
  | { readonly kind: 'refused'; readonly fault: Fault }
  /** Repeated or stale: whatever its guards said, it is as if it were not there. */
  | { readonly kind: 'void' };

/** Gives the local copy the time and the ids of the proposal that it is given. */
export class ProposalInHand implements EventIdSource {
  #proposal: Proposal | undefined;
  #index = 0;

  take(proposal: Proposal): void {
    this.#proposal = proposal;
    this.#index = 0;
  }

  writeNext(target: Buffer, at: number): void {
    assert(this.#proposal, 'ids are those of a proposal');
    target.set(eventIdBytes(this.#proposal, this.#index++), at);
  }

  clock(clock: Clock): Clock {
    return {
      nowMs: () => this.#proposal?.timeMs ?? 0,
      monotonicMs: () => clock.monotonicMs(),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    };
  }
}

export interface PartitionFoldParts {
  readonly partition: number;
  readonly logId: string;
  readonly window: number;
  readonly ordered: OrderedLog;
  readonly local: EmbeddedLog;
  readonly inHand: ProposalInHand;
  readonly clock: Clock;
  readonly checkpointFile: CheckpointFile;
  readonly checkpoint: Checkpoint;
  readonly signal: AbortSignal;
  readonly onVerdict: (proposal: Proposal, verdict: Verdict) => void;
}

interface Waiter {
  readonly offset: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class PartitionFold {
  readonly #parts: PartitionFoldParts;
  readonly #window: ProposalWindow;
  #offset: number;
  /** Events of the local copy beyond the checkpoint. */
  #known: KnownEvents | undefined;
  #savedOffset: number;
  #savedAtMs: number;
  #waiters: Waiter[] = [];
  /** Why nothing is folded any more. */
  #stopped: unknown;

  constructor(parts: PartitionFoldParts) {
    const { checkpoint, local, partition } = parts;
    this.#parts = parts;
    this.#window = new ProposalWindow(parts.window, checkpoint.seen);
    this.#offset = checkpoint.offset;
    this.#savedOffset = checkpoint.offset;
    this.#savedAtMs = parts.clock.monotonicMs();
    const from: number[] = Array(partition).fill(0);
    const beyond = local.count - checkpoint.events;
    if (beyond > 0) {
      this.#known = new KnownEvents(local.replay({ from: [...from, checkpoint.events] }), beyond);
    }
  }

  /** Everything before this offset is in the local copy, or void. */
  get offset(): number {
    return this.#offset;
  }

  /** Follows until the signal. @throws what stops the log for good */
  async run(): Promise<void> {
    const { ordered, partition, signal } = this.#parts;
    try {
      for await (const records of ordered.consume(partition, this.#offset, signal)) {
        await this.#fold(records);
        if (signal.aborted) break;
        if (this.#isCheckpointDue()) await this.saveCheckpoint();
      }
    } finally {
      await this.#known?.close();
    }
    this.stop(new Fault('closed', 'the log is closed'));
  }

  /**
   * Resolves when everything before the offset is folded.
   * @throws Fault `log-unavailable` when nothing moves for too long; `corruption` when the local copy has
   * what the log has lost
   */
  async reach(offset: number): Promise<void> {
    while (this.#offset < offset) {
      if (this.#stopped !== undefined) throw this.#stopped;
      await this.#moved(offset);
    }
    if (!this.#known || this.#known.left === 0) return;
    const what = `the log ends at offset ${offset} of partition ${this.#parts.partition}`;
    throw new Fault('corruption', `${what}, and the local copy has events from behind that`);
  }

  stop(fault: unknown): void {
    this.#stopped = fault;
    this.#tellWaiters(fault);
  }

  /** Only while nothing is being folded. */
  async saveCheckpoint(): Promise<void> {
    const { checkpointFile, logId, local } = this.#parts;
    this.#savedAtMs = this.#parts.clock.monotonicMs();
    if (this.#offset === this.#savedOffset) return;
    const events = local.count - (this.#known?.left ?? 0);
    const saved = this.#offset;
    await checkpointFile.write({ logId, offset: saved, events, seen: this.#window.seen() });
    this.#savedOffset = saved;
  }

  #isCheckpointDue(): boolean {
    return this.#parts.clock.monotonicMs() - this.#savedAtMs >= limits.orderedCheckpointMs;
  }

  async #moved(offset: number): Promise<void> {
    const before = this.#offset;
    const given = new AbortController();
    const stalled = this.#parts.clock.sleep(limits.orderedStallMs, given.signal).then(() => {
      if (this.#offset === before && !given.signal.aborted) {
        const what = `partition ${this.#parts.partition} stands at ${before}, before ${offset}`;
        throw new Fault('log-unavailable', `the log cannot be followed: ${what}`);
      }
    });
    let waiter: Waiter | undefined;
    const moved = new Promise<void>((resolve, reject) => {
      waiter = { offset, resolve, reject };
      this.#waiters.push(waiter);
    });
    try {
      await Promise.race([moved, stalled]);
    } finally {
      given.abort();
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
    }
  }

  #tellWaiters(error?: unknown): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (error !== undefined) waiter.reject(error);
      else if (waiter.offset <= this.#offset) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  async #fold(records: readonly OrderedRecord[]): Promise<void> {
    const fresh: Proposal[] = [];
    const voided: Proposal[] = [];
    let next = this.#offset;
    for (const { offset, bytes } of records) {
      assert(offset >= next, 'an ordered log repeats nothing');
      next = offset + 1;
      const record = decodeRecord(bytes);
      if (record.kind === 'genesis') continue;
      if (this.#window.meet(record, offset) === 'new') fresh.push(record);
      else voided.push(record);
    }
    const live = this.#known ? await this.#passKnown(this.#known, fresh) : fresh;
    const verdicts = await this.#judgeAll(live);
    this.#offset = next;
    for (const [at, verdict] of verdicts.entries()) this.#parts.onVerdict(live[at] as Proposal, verdict);
    for (const proposal of voided) this.#parts.onVerdict(proposal, { kind: 'void' });
    if (this.#waiters.length > 0) this.#tellWaiters();
  }

  /** Returns the proposals that the local copy has not judged yet. */
  async #passKnown(known: KnownEvents, fresh: readonly Proposal[]): Promise<readonly Proposal[]> {
    for (const [at, proposal] of fresh.entries()) {
      if (known.left === 0) {
        await known.close();
        this.#known = undefined;
        return fresh.slice(at);
      }
      await known.take(eventIdOf(proposal, 0), proposal.request.events.length);
    }
    return [];
  }

  async #judgeAll(proposals: readonly Proposal[]): Promise<readonly Verdict[]> {
    const verdicts: Verdict[] = [];
    while (verdicts.length < proposals.length) {
      if (this.#parts.signal.aborted) throw new Fault('closed', 'the log is closed');
      const failure = await this.#judge(proposals.slice(verdicts.length), verdicts);
      if (!failure) break;
      // What was taken back is judged again, in the same order, when the copy has room.
      if (!isFault(failure, 'no-space')) throw failure;
      await this.#parts.clock.sleep(limits.orderedRetryMs, this.#parts.signal);
    }
    return verdicts;
  }

  /** Adds the verdicts up to the first that the copy could not make durable; returns why it could not. */
  async #judge(proposals: readonly Proposal[], verdicts: Verdict[]): Promise<unknown> {
    const { local, inHand } = this.#parts;
    const judging = proposals.map((proposal) => {
      inHand.take(proposal);
      return local.append(proposal.request);
    });
    for (const outcome of await Promise.allSettled(judging)) {
      if (outcome.status === 'fulfilled') verdicts.push({ kind: 'accepted', appended: outcome.value });
      else if (isFault(outcome.reason, 'conflict')) verdicts.push({ kind: 'refused', fault: outcome.reason });
      else return outcome.reason;
    }
    return undefined;
  }
}

/** A walk through the events that the local copy had when it was opened. */
class KnownEvents {
  readonly #batches: AsyncIterator<readonly RecordedEvent[]>;
  #batch: readonly RecordedEvent[] = [];
  #at = 0;
  /** Events not passed yet. */
  left: number;

  constructor(events: AsyncIterable<readonly RecordedEvent[]>, count: number) {
    this.#batches = events[Symbol.asyncIterator]();
    this.left = count;
  }

  /** Passes so many events, if the next one has this id; a proposal that was void is none of them. */
  async take(id: string, events: number): Promise<void> {
    for (let passed = 0; passed < events; passed++) {
      const next = await this.#next();
      if (passed === 0 && next.id !== id) return;
      this.#at++;
      this.left--;
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  async #next(): Promise<RecordedEvent> {
    while (this.#at === this.#batch.length) {
      const { done, value } = await this.#batches.next();
      assert(!done, 'the local copy has the events that it counted');
      this.#batch = value;
      this.#at = 0;
    }
    return this.#batch[this.#at] as RecordedEvent;
  }
}
