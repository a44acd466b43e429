// Owns the EventLog over any ordered log: whoever has one order for all readers gets from here guards,
// appends that count once whatever is repeated, strong reads, and following from any position, with
// nothing but the void rule (docs/decisions/0009-the-void-rule.md). One object for each directory: the
// local copy of the log.

import { assert } from '#core/kernel/assert.ts';
import { type Disk, nodeDisk } from '#core/kernel/disk.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { type DirectoryLock, lockDirectory } from '../embedded/directory-lock.ts';
import { appendBytesMax, assertWithinLimits } from '../embedded/record.ts';
import type {
  Appended,
  AppendRequest,
  ConflictDetails,
  Cursor,
  EventLog,
  Expectation,
  FollowOptions,
  RecordedEvent,
  Revision,
  StreamName,
} from '../event-log.ts';
import { encodeProposal, type Genesis, PROPOSER_BYTES, type Proposal, partitionOf } from './envelope.ts';
import { openGenesis } from './genesis.ts';
import { type LocalCopy, type LocalCopyOptions, openLocalCopy } from './local-copies.ts';
import { MergedFollower } from './merged-follower.ts';
import type { OrderedLog } from './ordered-log.ts';
import { PartitionFold, type Verdict } from './partition-fold.ts';
import { Proposer } from './proposer.ts';

export interface GuardedLogOptions extends Omit<LocalCopyOptions, 'disk'> {
  /** Closed with the log. */
  readonly ordered: OrderedLog;
  /** Default: the disk of this machine. */
  readonly disk?: Disk;
  /** Default: {@link lockDirectory}. */
  readonly lock?: (directory: string) => DirectoryLock;
  /** How long an append waits for the log; default `limits.orderedAppendMs`. */
  readonly appendDeadlineMs?: number;
  /** Told once, of what stopped the log for good: the process should stop too. */
  readonly onFault?: (error: unknown) => void;
  /** Of a log that begins, see {@link ProposalWindow}; default `limits.orderedWindow`. */
  readonly window?: number;
}

interface Partition {
  readonly copy: LocalCopy;
  readonly fold: PartitionFold;
  readonly proposer: Proposer;
}

export class GuardedLog implements EventLog {
  readonly #options: GuardedLogOptions;
  readonly #lock: DirectoryLock;
  readonly #partitions: readonly Partition[];
  readonly #id: string;
  /** Aborted when the fold is to end. */
  readonly #ending = new AbortController();
  readonly #runs: Promise<unknown>;
  #sequence = 0;
  #expiring: Promise<void> | undefined;
  #barrier: Promise<Cursor> | undefined;
  #nextBarrier: Promise<Cursor> | undefined;
  /** Why nothing goes on any more. */
  #stopped: unknown;
  #closing: Promise<void> | undefined;

  /**
   * Opens the log, begun when it has no record yet, without waiting until the local copy has caught up.
   * @throws Fault `locked` when another process has the directory; `log-unavailable` when the log cannot be
   * reached; `corruption` when it is not what the directory is a copy of
   */
  static async open(options: GuardedLogOptions): Promise<GuardedLog> {
    const { ordered, clock, random, disk = nodeDisk, directory } = options;
    const lock = (options.lock ?? lockDirectory)(directory);
    const copies: LocalCopy[] = [];
    try {
      disk.makeDirectory(directory);
      const genesis = await openGenesis(ordered, {
        ...{ clock, random, window: options.window ?? limits.orderedWindow },
        deadlineMs: options.appendDeadlineMs ?? limits.orderedAppendMs,
      });
      for (let partition = 0; partition < genesis.partitions; partition++) {
        copies.push(await openLocalCopy({ ...options, disk }, genesis.logId, partition));
      }
      return new GuardedLog(options, lock, genesis, copies);
    } catch (error) {
      for (const { local } of copies) await local.close();
      await ordered.close();
      lock.release();
      throw error;
    }
  }

  private constructor(
    options: GuardedLogOptions,
    lock: DirectoryLock,
    genesis: Genesis,
    copies: readonly LocalCopy[],
  ) {
    this.#options = options;
    this.#lock = lock;
    this.#id = options.random.fill(Buffer.alloc(PROPOSER_BYTES)).toString('hex');
    this.#partitions = copies.map((copy, partition) => this.#partition(copy, partition, genesis));
    const runs = this.#partitions.map(({ fold }) => fold.run().catch((error: unknown) => this.#fail(error)));
    this.#runs = Promise.all(runs);
  }

  append(request: AppendRequest): Promise<Appended> {
    try {
      return this.#propose(request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async *read(stream: StreamName, options?: { readonly from?: Revision }): AsyncIterable<RecordedEvent> {
    await this.tail();
    yield* this.#partitionOf(stream).copy.local.read(stream, options);
  }

  follow(options: FollowOptions): AsyncIterableIterator<readonly RecordedEvent[]> {
    this.#assertOpen();
    const [first, ...others] = this.#partitions.map(({ copy }) => copy.local.follow(options));
    assert(first, 'a log has a partition');
    return others.length === 0 ? first : new MergedFollower([first, ...others]);
  }

  /** Calls that come while one asks the log wait for the next one, and share it. */
  async tail(): Promise<Cursor> {
    this.#assertOpen();
    this.#nextBarrier ??= this.#barrierAfter(this.#barrier);
    return this.#nextBarrier;
  }

  /** Resolves when what was proposed has its answer, and followers have ended. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #partition(copy: LocalCopy, partition: number, genesis: Genesis): Partition {
    const { ordered, clock } = this.#options;
    const { signal } = this.#ending;
    const encode = (request: AppendRequest) => this.#encode(request, fold);
    const proposer = new Proposer({
      ...{ clock, signal, encode },
      produce: (records) => ordered.produce(partition, records),
    });
    const onVerdict = (proposal: Proposal, verdict: Verdict) => {
      if (proposal.proposer === this.#id) proposer.judged(proposal.sequence, verdict);
    };
    const { logId, window } = genesis;
    const fold = new PartitionFold({
      ...{ partition, logId, window, ordered, clock, signal, onVerdict },
      ...copy,
    });
    return { copy, fold, proposer };
  }

  #propose(request: AppendRequest): Promise<Appended> {
    this.#assertOpen();
    assertWithinLimits(request);
    // What the copies could not take would stop every reader.
    appendBytesMax(request);
    const partition = this.#partitionOf(request.stream);
    for (const guard of request.alsoAt ?? []) {
      assert(this.#partitionOf(guard.stream) === partition, `${guard.stream}: a guard in another partition`);
      expectNotPassed(partition.copy, guard.stream, guard.revision);
    }
    expectNotPassed(partition.copy, request.stream, request.expect);
    this.#assertRoom();
    const { clock, appendDeadlineMs = limits.orderedAppendMs } = this.#options;
    this.#expiring ??= this.#expire().finally(() => {
      this.#expiring = undefined;
    });
    return partition.proposer.propose(request, clock.monotonicMs() + appendDeadlineMs);
  }

  #encode(request: AppendRequest, fold: PartitionFold): { sequence: number; bytes: Buffer } {
    const sequence = this.#sequence++;
    const timeMs = Math.floor(this.#options.clock.nowMs());
    const proposal = { proposer: this.#id, sequence, base: fold.offset, timeMs, request };
    return { sequence, bytes: encodeProposal(proposal) };
  }

  #assertRoom(): void {
    let count = 0;
    let bytes = 0;
    for (const { proposer } of this.#partitions) {
      count += proposer.count;
      bytes += proposer.pendingBytes;
    }
    if (count < limits.logAppendsWaiting && bytes < limits.logWaitingBytes) return;
    throw new Fault('busy', `${count} appends (${bytes} bytes) wait for the log`);
  }

  async #expire(): Promise<void> {
    const { clock } = this.#options;
    do {
      await clock.sleep(limits.orderedExpiryStepMs, this.#ending.signal);
      const nowMs = clock.monotonicMs();
      for (const { proposer } of this.#partitions) proposer.expire(nowMs);
    } while (!this.#ending.signal.aborted && this.#partitions.some(({ proposer }) => proposer.count > 0));
  }

  async #barrierAfter(before: Promise<Cursor> | undefined): Promise<Cursor> {
    // A barrier that is under way may have asked before this call.
    await before?.catch(() => undefined);
    this.#barrier = this.#nextBarrier;
    this.#nextBarrier = undefined;
    const ends = await this.#options.ordered.ends();
    await Promise.all(this.#partitions.map(({ fold }, partition) => fold.reach(ends[partition] ?? 0)));
    this.#assertOpen();
    return this.#partitions.map(({ copy }) => copy.local.count);
  }

  #partitionOf(stream: StreamName): Partition {
    return this.#partitions[partitionOf(stream, this.#partitions.length)] as Partition;
  }

  #assertOpen(): void {
    if (this.#closing) throw new Fault('closed', 'the log is closed');
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.#stopped = error;
    this.#ending.abort();
    for (const { fold, proposer } of this.#partitions) {
      proposer.stop(error);
      fold.stop(error);
    }
    this.#options.onFault?.(error);
  }

  async #close(): Promise<void> {
    try {
      await Promise.all(this.#partitions.map(({ proposer }) => proposer.close()));
      this.#ending.abort();
      await this.#options.ordered.close();
      await this.#runs;
      await this.#expiring;
      for (const { fold, copy } of this.#partitions) {
        if (this.#stopped === undefined) await fold.saveCheckpoint();
        await copy.local.close();
      }
    } finally {
      this.#lock.release();
    }
  }
}

/**
 * Revisions only rise: what is already passed will not hold at any later position, and need not be proposed.
 * @throws Fault `conflict`
 */
function expectNotPassed({ local }: LocalCopy, stream: StreamName, expected: Expectation): void {
  if (expected === 'any') return;
  const actual = local.lastRevision(stream);
  if (actual === 'none' || (expected !== 'none' && actual <= expected)) return;
  const details: ConflictDetails = { stream, expected, actual };
  throw new Fault('conflict', `${stream} is at revision ${actual}, not ${expected}`, { details });
}
