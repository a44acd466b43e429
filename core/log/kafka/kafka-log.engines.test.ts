// Owns the proof that the log on Kafka keeps the port's promises, against a real broker: the whole suite, and
// what is promised of several processes on one log.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { type EventLogFactory, eventLogSuite } from '../event-log.suite.ts';
import { openKafkaLog } from './kafka-log.ts';

let server: KafkaServer;

test.before(async (t) => {
  t.timeout(180_000);
  server = await KafkaServer.start(1);
  t.log(KAFKA);
});

test.after.always(() => server?.stop());

const quiet = { warn: () => {} };

function factory(name: string, partitions: number): EventLogFactory {
  return {
    name,
    supports: { reopen: true, clock: true },
    async open(clock: Clock) {
      const directory = mkdtempSync(join(tmpdir(), 'strata-'));
      const address = server.address(`log-${newId(systemRandom)}`);
      const open = () =>
        openKafkaLog({ address, directory, clock, random: systemRandom, logger: quiet, partitions });
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

eventLogSuite(test.serial as typeof test, factory('kafka', 1));
eventLogSuite(test.serial as typeof test, factory('kafka, three partitions', 3));
