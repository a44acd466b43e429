// Owns the proof that guards over an ordered log keep the port's promises, on a kind broker and on one that
// loses, repeats and delays whatever it may.

import test from 'ava';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { type Hostility, MemoryBroker } from '#tests/support/memory-broker.ts';
import { type EventLogFactory, eventLogSuite } from '../event-log.suite.ts';
import { GuardedLog } from './guarded-log.ts';

const DIRECTORY = '/log';
let seed = 0;

function openOn(broker: MemoryBroker, disk: MemoryDisk, clock: Clock = systemClock): Promise<GuardedLog> {
  return GuardedLog.open({
    ordered: broker.connect(),
    directory: DIRECTORY,
    disk,
    clock,
    random: seededRandom(++seed),
    logger: { warn: () => {} },
    lock: () => ({ release: () => {} }),
    segmentBytes: 64 * 1024,
  });
}

function factory(name: string, partitions: number, hostility?: () => Hostility): EventLogFactory {
  return {
    name,
    supports: { reopen: true, clock: hostility === undefined },
    async open(clock) {
      const broker = new MemoryBroker(partitions, hostility?.());
      const disk = new MemoryDisk();
      let log = await openOn(broker, disk, clock);
      return {
        log,
        async reopen() {
          await log.close();
          log = await openOn(broker, disk, clock);
          return log;
        },
        destroy: () => log.close(),
      };
    },
  };
}

const hostile = (): Hostility => ({
  random: seededRandom(++seed),
  ...{ lost: 0.05, unknown: 0.05, torn: 0.05, repeated: 0.2, late: 0.05, gap: 0.1 },
});

eventLogSuite(test, factory('ordered', 1));
eventLogSuite(test, factory('ordered, three partitions', 3));
eventLogSuite(test, factory('ordered, hostile', 1, hostile));
