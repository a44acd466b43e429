// Owns read models over an in-memory log for tests: append an event, and the questions see it.

import { ManualClock } from '#core/kernel/clock.ts';
import type { EventOf, Lifecycle, LifecycleTable } from '#core/kernel/lifecycle.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { Appended, EventLog } from '#core/log/event-log.ts';
import { openReadModels, projections, type ReadModels } from '#projections/all.ts';
import { createMemoryStore } from '#projections/store/memory-store.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import type { ReadStore } from '#projections/store/read-store.ts';
import { createProjectionRunner } from '#projections/store/runner.ts';
import { MemoryLog } from './memory-log.ts';

export const SYSTEM = { user: 'system', project: '', requestId: '' };

export interface TestReadModels extends ReadModels {
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly store: ReadStore;
  readonly runner: ProjectionRunner;
  /** Resolves when the event is applied. */
  append<T extends LifecycleTable>(
    lifecycle: Lifecycle<T>,
    stream: string,
    event: EventOf<T>,
  ): Promise<Appended>;
  close(): Promise<void>;
}

export interface TestReadModelsOptions {
  readonly log?: EventLog;
  readonly store?: ReadStore;
  readonly partitions?: number;
}

export async function openTestReadModels(options: TestReadModelsOptions = {}): Promise<TestReadModels> {
  const clock = new ManualClock();
  const { partitions = 1 } = options;
  const log = options.log ?? new MemoryLog({ clock, random: seededRandom(1), partitions });
  const store = options.store ?? createMemoryStore();
  const onFault = (error: unknown) => {
    throw error;
  };
  const runner = await createProjectionRunner({ log, store, projections, clock, onFault });
  return {
    ...openReadModels(runner),
    clock,
    log,
    store,
    runner,
    append: async (lifecycle, stream, event) => {
      const events = [{ type: event.type, payload: lifecycle.encode(event) }];
      const appended = await log.append({ stream, events, expect: 'any', actor: SYSTEM });
      await runner.whenApplied(appended.position);
      return appended;
    },
    close: async () => {
      await runner.close();
      await log.close();
    },
  };
}
