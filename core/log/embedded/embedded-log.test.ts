// Owns the proof that the embedded log keeps the port's promises, in segments of the usual size and in tiny ones.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import { KIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { type EventLogFactory, eventLogSuite } from '../event-log.suite.ts';
import { EmbeddedLog } from './embedded-log.ts';

function factory(name: string, segmentBytes?: number): EventLogFactory {
  return {
    name,
    supports: { reopen: true, clock: true },
    async open(clock: Clock) {
      const directory = mkdtempSync(join(tmpdir(), 'strata-'));
      const open = () =>
        EmbeddedLog.open({ directory, clock, random: systemRandom, ...(segmentBytes && { segmentBytes }) });
      let log = await open();
      return {
        log,
        async reopen() {
          await log.close();
          log = await open();
          return log;
        },
        async destroy() {
          await log.close();
          rmSync(directory, { recursive: true });
        },
      };
    },
  };
}

eventLogSuite(test, factory('embedded'));
eventLogSuite(test, factory('embedded, tiny segments', 8 * KIB));
