// Owns the proof that read models can be thrown away: a projection is rebuilt from the whole log beside the running
// one, and the two are compared row by row, as they were at one moment of the log.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#core/kernel/clock.ts';
import type { Cursor, EventLog, FollowOptions, RecordedEvent } from '#core/log/event-log.ts';
import { isBefore } from '#core/log/event-log.ts';
import { compareKeys } from './store/key-order.ts';
import { openLevelStore } from './store/level-store.ts';
import type { Projection, ProjectionRunner, Row, RowCursor } from './store/projection.ts';
import type { ReadStore } from './store/read-store.ts';
import { createProjectionRunner } from './store/runner.ts';

export interface ReplayOptions {
  readonly log: Pick<EventLog, 'follow' | 'tail'>;
  readonly projection: Projection;
  /** Keeps the table to be compared with; it may go on running. */
  readonly running: Pick<ProjectionRunner, 'table' | 'applied' | 'whenCaughtUp'>;
  readonly clock: Clock;
  /** Where to rebuild: empty, and the caller's to close. A temporary directory when absent. */
  readonly scratch?: ReadStore;
  onProgress?(progress: ReplayProgress): void;
}

export interface ReplayProgress {
  readonly events: number;
  readonly totalEvents: number;
}

export interface ReplayDifference {
  readonly key: string;
  /** As against the rebuilt table. */
  readonly running: 'missing' | 'surplus' | 'different';
}

export interface ReplayResult {
  /** Events of all families that were gone through. */
  readonly events: number;
  readonly rows: number;
  readonly equal: boolean;
  readonly firstDifference?: ReplayDifference;
}

export async function replayProjection(options: ReplayOptions): Promise<ReplayResult> {
  if (options.scratch) return replayInto(options.scratch, options);
  const directory = await mkdtemp(join(tmpdir(), 'strata-replay-'));
  try {
    const scratch = await openLevelStore(directory);
    try {
      return await replayInto(scratch, options);
    } finally {
      await scratch.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function replayInto(scratch: ReadStore, options: ReplayOptions): Promise<ReplayResult> {
  const { log, projection, running, clock } = options;
  await running.whenCaughtUp(await log.tail());
  // In one step: the cursor, and a view of the table that stays as it is at that cursor.
  const until = running.applied();
  const runningRows = running.table(projection.name).scan({ gte: '' });
  try {
    const part = new LogUntil(log, until, options.onProgress);
    const rebuilt = await createProjectionRunner({
      ...{ log: part, store: scratch, projections: [projection], clock },
      // Whoever waits for it is told by then.
      onFault: () => {},
    });
    try {
      await rebuilt.whenCaughtUp(until);
      const rebuiltRows = rebuilt.table(projection.name).scan({ gte: '' });
      const compared = await compare(rebuiltRows, runningRows).finally(() => rebuiltRows.close());
      return { events: part.events, ...compared };
    } finally {
      await rebuilt.close();
    }
  } finally {
    await runningRows.close();
  }
}

/** The log as it was at a cursor: follows up to it and no further. */
class LogUntil {
  events = 0;
  readonly #log: Pick<EventLog, 'follow'>;
  readonly #until: Cursor;
  readonly #totalEvents: number;
  readonly #onProgress: ReplayOptions['onProgress'];

  constructor(log: Pick<EventLog, 'follow'>, until: Cursor, onProgress: ReplayOptions['onProgress']) {
    this.#log = log;
    this.#until = until;
    this.#totalEvents = until.reduce((total, offset) => total + offset, 0);
    this.#onProgress = onProgress;
  }

  async tail(): Promise<Cursor> {
    return this.#until;
  }

  async *follow(options: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    if (this.#totalEvents === 0) return;
    const reached: number[] = [];
    for await (const batch of this.#log.follow(options)) {
      const events = batch.filter(({ position }) => isBefore(position, this.#until));
      for (const { position } of events) reached[position.partition] = position.offset + 1;
      this.events += events.length;
      if (events.length > 0) yield events;
      this.#onProgress?.({ events: this.events, totalEvents: this.#totalEvents });
      if (this.#until.every((offset, partition) => (reached[partition] ?? 0) >= offset)) return;
    }
  }
}

type Comparison = Pick<ReplayResult, 'rows' | 'equal' | 'firstDifference'>;

async function compare(rebuilt: RowCursor, running: RowCursor): Promise<Comparison> {
  const left = new Heads(rebuilt);
  const right = new Heads(running);
  for (let rows = 0; ; rows++) {
    const expected = left.head ?? (await left.load());
    const actual = right.head ?? (await right.load());
    if (expected === undefined && actual === undefined) return { rows, equal: true };
    const firstDifference = differenceOf(expected, actual);
    if (firstDifference) return { rows, equal: false, firstDifference };
    left.advance();
    right.advance();
  }
}

function differenceOf(expected: Row | undefined, actual: Row | undefined): ReplayDifference | undefined {
  const order = orderOf(expected, actual);
  if (order < 0) return { key: (expected as Row).key, running: 'missing' };
  if (order > 0) return { key: (actual as Row).key, running: 'surplus' };
  const same = Buffer.compare((expected as Row).value, (actual as Row).value) === 0;
  return same ? undefined : { key: (expected as Row).key, running: 'different' };
}

function orderOf(expected: Row | undefined, actual: Row | undefined): number {
  if (expected === undefined) return 1;
  return actual === undefined ? -1 : compareKeys(expected.key, actual.key);
}

const ROWS_AT_ONCE = 1_000;

/** One row after another, without a promise for each. */
class Heads {
  readonly #cursor: RowCursor;
  #rows: readonly Row[] = [];
  #at = 0;

  constructor(cursor: RowCursor) {
    this.#cursor = cursor;
  }

  get head(): Row | undefined {
    return this.#rows[this.#at];
  }

  async load(): Promise<Row | undefined> {
    this.#rows = await this.#cursor.next(ROWS_AT_ONCE);
    this.#at = 0;
    return this.head;
  }

  advance(): void {
    this.#at++;
  }
}
