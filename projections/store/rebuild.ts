// Owns the proof that a read model can be thrown away: it is built again from the first event, in a store of
// its own, while the running one goes on; then both are compared row by row, as they are at one and the same
// event.

import type { Clock } from '#core/kernel/clock.ts';
import type { Cursor, EventLog, RecordedEvent } from '#core/log/event-log.ts';
import { compareTables } from './compare-tables.ts';
import type { Projection, ProjectionRunner, RowCursor } from './projection.ts';
import type { ReadStore } from './read-store.ts';
import { createProjectionRunner } from './runner.ts';

export interface RebuildOptions {
  readonly log: Pick<EventLog, 'follow' | 'tail'>;
  readonly clock: Clock;
  readonly projection: Projection;
  readonly running: ProjectionRunner;
  /** An empty one; stays the caller's. */
  readonly store: ReadStore;
  /** Told of the events applied so far, and of how many there were when it began. */
  report(done: number, total: number): void;
}

export interface RebuildReport {
  readonly events: number;
  readonly rows: number;
  /** Whether keys and values of all rows were, byte for byte, those of the running table. */
  readonly equal: boolean;
}

/** @throws what the projection threw, or the store. */
export async function rebuildProjection(options: RebuildOptions): Promise<RebuildReport> {
  const { log, clock, projection, running, store } = options;
  const target = await log.tail();
  const rebuilt = await createProjectionRunner({
    log: {
      tail: () => log.tail(),
      follow: (from) => reported(log.follow(from), eventsIn(target), options.report),
    },
    store,
    projections: [projection],
    clock,
    // Whoever waits for the runner is told.
    onFault: () => {},
  });
  try {
    await rebuilt.whenCaughtUp(target);
    const [mine, theirs] = await viewsAtOneEvent(projection.name, rebuilt, running);
    try {
      return { events: eventsIn(rebuilt.applied()), ...(await compareTables(mine, theirs)) };
    } finally {
      await mine.close();
      await theirs.close();
    }
  } finally {
    await rebuilt.close();
  }
}

const eventsIn = (cursor: Cursor) => cursor.reduce((events, offset) => events + offset, 0);

async function* reported(
  batches: AsyncIterable<readonly RecordedEvent[]>,
  total: number,
  report: RebuildOptions['report'],
): AsyncGenerator<readonly RecordedEvent[]> {
  let done = 0;
  for await (const batch of batches) {
    yield batch;
    done += batch.length;
    if (done <= total) report(done, total);
  }
}

/** Both tables as they are when the same events are applied to both: waits for whichever is behind. */
async function viewsAtOneEvent(
  name: string,
  rebuilt: ProjectionRunner,
  running: ProjectionRunner,
): Promise<[RowCursor, RowCursor]> {
  for (;;) {
    const behind = rebuilt.whenCaughtUp(running.applied()) ?? running.whenCaughtUp(rebuilt.applied());
    if (!behind) return [rebuilt.table(name).scan({ gte: '' }), running.table(name).scan({ gte: '' })];
    await behind;
  }
}
