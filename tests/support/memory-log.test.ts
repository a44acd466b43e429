// Holds the in-memory log of the tests to what every log promises.

import test from 'ava';
import { seededRandom } from '#core/kernel/random.ts';
import { eventLogSuite } from '#core/log/event-log.suite.ts';
import { MemoryLog } from './memory-log.ts';

eventLogSuite(test, {
  name: 'memory',
  supports: { reopen: false, clock: true },
  open: async (clock) => {
    const log = new MemoryLog({ clock, random: seededRandom(3) });
    return { log, reopen: async () => log, destroy: () => log.close() };
  },
});
