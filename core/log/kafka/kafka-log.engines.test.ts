// Owns the proof that the log on Kafka keeps the port's promises, against a real broker: the whole suite,
// and what is promised of several processes on one log.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { freePorts } from '#tests/support/free-ports.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { type EventLogFactory, eventLogSuite } from '../event-log.suite.ts';
import { collect, note, textOf } from '../suite/support.ts';
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

async function openAll(address: string, directories: readonly string[]) {
  const open = (directory: string) =>
    openKafkaLog({
      address,
      directory,
      clock: systemClock,
      random: systemRandom,
      logger: quiet,
      partitions: 1,
    });
  return Promise.all(directories.map(open));
}

test.serial('of racers in several logs exactly one wins, and all see the same', async (t) => {
  const directories = [1, 2, 3].map(() => mkdtempSync(join(tmpdir(), 'strata-')));
  const logs = await openAll(server.address(`log-${newId(systemRandom)}`), directories);
  for (let round = 0; round < 20; round++) {
    const expect = round === 0 ? ('none' as const) : round - 1;
    const racing = logs.flatMap((log, lane) =>
      [0, 1].map((at) => note(log, 'notes/a', `${round} ${lane} ${at}`, { expect })),
    );
    const outcomes = await Promise.allSettled(racing);
    t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const each of outcomes) {
      t.true(each.status === 'fulfilled' || isFault(each.reason, 'conflict'));
    }
  }
  const histories = await Promise.all(logs.map((log) => collect(log.read('notes/a'))));
  for (const history of histories) {
    t.deepEqual(
      history.map(({ id }) => id),
      histories[0]?.map(({ id }) => id),
    );
    t.is(history.length, 20);
  }
  await Promise.all(logs.map((log) => log.close()));
  for (const directory of directories) rmSync(directory, { recursive: true });
});

test.serial('what one log acknowledged lies before the tail of another at once', async (t) => {
  const directories = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'strata-')));
  const [one, other] = await openAll(server.address(`log-${newId(systemRandom)}`), directories);
  if (!one || !other) return t.fail();
  for (let round = 0; round < 50; round++) {
    const { position } = await note(one, 'notes/a', String(round));
    const tail = await other.tail();
    t.true((tail[position.partition] ?? 0) > position.offset);
    t.is((await collect(other.read('notes/a', { from: round }))).map(textOf).join(), String(round));
  }
  await Promise.all([one.close(), other.close()]);
  for (const directory of directories) rmSync(directory, { recursive: true });
});

test.serial('a topic that would lose events is refused, by the name of its setting', async (t) => {
  const topic = `log-${newId(systemRandom)}`;
  await server.createTopic(topic, { 'retention.ms': '604800000' });
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const message = /would lose events: retention.ms is 604800000, not -1/;
  await t.throwsAsync(openAll(server.address(topic), [directory]), { code: 'corruption', message });
  rmSync(directory, { recursive: true });
});

test.serial('a topic is not made with fewer replicas because a broker is still starting', async (t) => {
  const [starting] = await freePorts(1);
  const address = server.address(`log-${newId(systemRandom)}`).replace('//', `//127.0.0.1:${starting},`);
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const quick = { clock: systemClock, random: systemRandom, logger: quiet, appendDeadlineMs: 1_000 };
  const message = /1 of the 2 brokers are up/;
  await t.throwsAsync(openKafkaLog({ address, directory, ...quick }), { code: 'log-unavailable', message });
  rmSync(directory, { recursive: true });
});
