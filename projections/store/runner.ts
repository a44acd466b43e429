// Owns the following of the log by all projections. Guarantees: every event is applied once, in order, and
// seen by readers at once; rows reach the store together with the cursor up to which they are applied; a
// projection that throws stops the runner, and no event is ever passed over. Budget of an applied event: no
// promise, one hash look-up a row; readers never wait for the store's writes.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Cursor, EventLog, Position, RecordedEvent } from '#core/log/event-log.ts';
import { familyOf, isBefore } from '#core/log/event-log.ts';
import { CatchUp } from './catch-up.ts';
import type { Projection, ProjectionRunner, RowReader } from './projection.ts';
import type { ReadStore } from './read-store.ts';
import { Table } from './table.ts';

export interface ProjectionRunnerOptions {
  readonly log: Pick<EventLog, 'follow' | 'tail'>;
  /** Stays the caller's: the runner does not close it. */
  readonly store: ReadStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  /** Told once, of what stopped the runner: the process should stop too. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Resolves when the tables are open, which is before they have caught up with the log: wait for
 * `whenCaughtUp(await log.tail())`. A table without a checkpoint, of another version, or ahead of the log is
 * wiped and rebuilt.
 */
export async function createProjectionRunner(options: ProjectionRunnerOptions): Promise<ProjectionRunner> {
  const { log, store, projections } = options;
  const tail = await log.tail();
  const tables: Table[] = [];
  for (const projection of projections) {
    const checkpoint = store.checkpoint(projection.name);
    const usable = checkpoint?.version === projection.version && !isAhead(checkpoint.cursor, tail);
    if (!usable) await store.wipe(projection.name);
    tables.push(new Table(projection, store, usable ? checkpoint.cursor : []));
  }
  return new Runner(options, tables, tail);
}

/**
 * Beyond the pending half of the limit a flush begins; beyond it with a flush under way, the follower waits.
 */
const PENDING_ROWS = limits.readModelPendingRows / 2;
const PENDING_BYTES = limits.readModelPendingBytes / 2;

interface Waiter {
  readonly cursor: Cursor;
  resolve(): void;
  reject(error: unknown): void;
}

class Runner implements ProjectionRunner {
  readonly #options: ProjectionRunnerOptions;
  readonly #tables: readonly Table[];
  readonly #byFamily = new Map<string, Table[]>();
  readonly #closing = new AbortController();
  readonly #loops: Promise<unknown>;
  #applied: number[];
  #stored: Cursor;
  #unflushedEvents = 0;
  #flushing: Promise<void> | undefined;
  #waiters: Waiter[] = [];
  /** Why nothing is applied any more. */
  #stopped: unknown;

  /** @param tail where the log ended when the runner was made. */
  constructor(options: ProjectionRunnerOptions, tables: readonly Table[], tail: Cursor) {
    this.#options = options;
    this.#tables = tables;
    for (const table of tables) {
      for (const family of table.projection.families) {
        const others = this.#byFamily.get(family);
        if (others) others.push(table);
        else this.#byFamily.set(family, [table]);
      }
    }
    this.#applied = lowest(tables.map((table) => table.resumeAt));
    this.#stored = [...this.#applied];
    this.#loops = Promise.all([this.#follow(tail), this.#flushOnTime()]);
  }

  table(name: string): RowReader {
    const table = this.#tables.find(({ projection }) => projection.name === name);
    assert(table, `no projection ${name}`);
    return table;
  }

  whenApplied(position: Position): Promise<void> | undefined {
    if (isBefore(position, this.#applied)) return undefined;
    const cursor: number[] = [];
    cursor[position.partition] = position.offset + 1;
    return this.#wait(cursor);
  }

  whenCaughtUp(cursor: Cursor): Promise<void> | undefined {
    return isAhead(cursor, this.#applied) ? this.#wait(cursor) : undefined;
  }

  applied(): Cursor {
    return [...this.#applied];
  }

  checkpoint(): Cursor {
    return this.#stored;
  }

  async flush(): Promise<void> {
    const target = this.applied();
    while (isAhead(target, this.#stored)) {
      this.#throwIfFailed();
      if (!this.#flushing) this.#beginFlush();
      await this.#flushing;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#loops;
    while (this.#flushing) await this.#flushing;
    if (this.#stopped === undefined && this.#unflushedEvents > 0) {
      this.#beginFlush();
      await this.#flushing;
    }
    this.#stop(new Fault('closed', 'the read models are closed'));
  }

  #wait(cursor: Cursor): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ cursor, resolve, reject });
    });
  }

  async #follow(tail: Cursor): Promise<void> {
    const { signal } = this.#closing;
    let catchUp = this.#isFarBehind(tail) ? this.#newCatchUp() : undefined;
    try {
      for await (const batch of this.#options.log.follow({ from: this.applied(), signal })) {
        if (!catchUp) await this.#applyBatch(batch);
        else {
          await catchUp.apply(batch);
          if (!isAhead(tail, catchUp.cursor)) catchUp = await catchUp.finish();
        }
        if (this.#stopped !== undefined || signal.aborted) return;
      }
    } catch (error) {
      if (isFault(error, 'no-space') && signal.aborted) this.#stop(error);
      else this.#fail(error);
    } finally {
      await catchUp?.settled();
    }
  }

  #isFarBehind(tail: Cursor): boolean {
    const behind = tail.map((offset, partition) => Math.max(0, offset - (this.#applied[partition] ?? 0)));
    return behind.reduce((all, events) => all + events, 0) > limits.readModelBehindEvents;
  }

  #newCatchUp(): CatchUp {
    return new CatchUp({
      store: this.#options.store,
      tables: this.#tables,
      from: this.#applied,
      commit: (run) => this.#whileThereIsNoSpace(run),
      onDurable: (cursor) => {
        this.#applied = [...cursor];
        this.#stored = cursor;
        this.#settleWaiters();
      },
    });
  }

  async #applyBatch(batch: readonly RecordedEvent[]): Promise<void> {
    for (const event of batch) this.#apply(event);
    this.#settleWaiters();
    await this.#flushWhenFull();
  }

  #apply(event: RecordedEvent): void {
    const { partition, offset } = event.position;
    assert(offset >= (this.#applied[partition] ?? 0), 'the log never goes back');
    const tables = this.#byFamily.get(familyOf(event.stream));
    if (tables) for (const table of tables) table.apply(event);
    while (this.#applied.length < partition) this.#applied.push(0);
    this.#applied[partition] = offset + 1;
    this.#unflushedEvents++;
  }

  #settleWaiters(): void {
    if (this.#waiters.length === 0) return;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (isAhead(waiter.cursor, this.#applied)) waiting.push(waiter);
      else waiter.resolve();
    }
    this.#waiters = waiting;
  }

  async #flushWhenFull(): Promise<void> {
    if (!this.#isFull()) return;
    while (this.#flushing) await this.#flushing;
    if (this.#stopped === undefined && !this.#closing.signal.aborted) this.#beginFlush();
  }

  #isFull(): boolean {
    if (this.#unflushedEvents >= PENDING_ROWS) return true;
    let rows = 0;
    let bytes = 0;
    for (const { overlay } of this.#tables) {
      rows += overlay.pendingRows;
      bytes += overlay.pendingBytes;
    }
    return rows >= PENDING_ROWS || bytes >= PENDING_BYTES;
  }

  /** An idle log's last events reach the store too, so that a restart replays little. */
  async #flushOnTime(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && this.#stopped === undefined) {
      await this.#options.clock.sleep(limits.readModelFlushEveryMs, signal);
      const due = this.#unflushedEvents > 0 && !this.#flushing && this.#stopped === undefined;
      if (due && !signal.aborted) this.#beginFlush();
    }
  }

  #beginFlush(): void {
    assert(!this.#flushing, 'one flush at a time');
    const cursor = this.applied();
    const writes = this.#tables.map((table) => table.freeze(cursor));
    this.#unflushedEvents = 0;
    this.#flushing = this.#whileThereIsNoSpace(() => this.#options.store.write(writes)).then(
      () => {
        for (const table of this.#tables) table.overlay.written();
        this.#stored = cursor;
        this.#flushing = undefined;
      },
      (error: unknown) => {
        this.#flushing = undefined;
        // Want of space at the end loses nothing: the next start applies these events again.
        if (isFault(error, 'no-space')) this.#stop(error);
        else this.#fail(error);
      },
    );
  }

  /** Without space reads go on and the rows wait; everything else stops the runner. */
  async #whileThereIsNoSpace(write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!isFault(error, 'no-space') || this.#closing.signal.aborted) throw error;
      }
      await this.#options.clock.sleep(limits.readModelRetryMs, this.#closing.signal);
    }
  }

  #throwIfFailed(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  #fail(error: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stop(error);
    this.#closing.abort();
    this.#options.onFault(error);
  }

  #stop(error: unknown): void {
    this.#stopped ??= error;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}

/** Whether some partition of `cursor` lies beyond `other`. */
function isAhead(cursor: Cursor, other: Cursor): boolean {
  for (let partition = 0; partition < cursor.length; partition++) {
    if ((cursor[partition] ?? 0) > (other[partition] ?? 0)) return true;
  }
  return false;
}

/** What lies before all of the cursors. */
function lowest(cursors: readonly Cursor[]): number[] {
  const partitions = Math.min(...cursors.map((cursor) => cursor.length));
  if (cursors.length === 0) return [];
  const at = (partition: number) => Math.min(...cursors.map((cursor) => cursor[partition] ?? 0));
  return Array.from({ length: partitions }, (_, partition) => at(partition));
}
