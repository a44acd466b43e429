// Owns the proof that read models can be thrown away: a projection is rebuilt from the whole log beside the
// running one, and the two are compared row by row, as they were at one moment of the log.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#core/kernel/clock.ts';
import type { Cursor, EventLog, FollowOptions, RecordedEvent } from '#core/log/event-log.ts';
import { isBefore } from '#core/log/event-log.ts';
import { type Comparison, compareTables } from './store/compare-tables.ts';
import { openLevelStore } from './store/level-store.ts';
import type { Projection, ProjectionRunner } from './store/projection.ts';
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

export interface ReplayResult extends Comparison {
  /** Events of all families that were gone through. */
  readonly events: number;
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
      const compared = await compareTables(rebuiltRows, runningRows).finally(() => rebuiltRows.close());
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
