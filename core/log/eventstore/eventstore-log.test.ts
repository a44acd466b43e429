// Owns the proof that the adapter uses EventStoreDB's client as the port wants it: the whole suite on a
// stand-in of its protocol. The real server is for eventstore-log.engines.test.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Clock, ManualClock, systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EventStoreStandIn } from '#tests/support/eventstore-stand-in.ts';
import { eventLogSuite } from '../event-log.suite.ts';
import { openEventStoreLog, parseEventStoreAddress } from './eventstore-log.ts';
import { EventStoreOrderedLog } from './eventstore-ordered-log.ts';

let standIn: EventStoreStandIn;
let logs = 0;

test.before(async () => {
  standIn = await EventStoreStandIn.start();
});

test.after.always(() => standIn.stop());

eventLogSuite(test.serial as typeof test, {
  name: 'eventstore, stand-in',
  supports: { reopen: true, clock: true },
  async open(clock: Clock) {
    const directory = mkdtempSync(join(tmpdir(), 'strata-'));
    const address = standIn.address(`log-${logs++}`);
    const logger = { warn: () => {} };
    const open = () => openEventStoreLog({ address, directory, clock, random: systemRandom, logger });
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
});

test.serial('a server that hangs is given up in time, and asked anew', async (t) => {
  const clock = new ManualClock();
  const { connection, name } = parseEventStoreAddress(standIn.address('hangs'));
  const warnings: string[] = [];
  const logger = { warn: (_details: object, message: string) => warnings.push(message) };
  const log = new EventStoreOrderedLog({ connection, name, partitions: 1, clock, logger });
  await log.produce(0, [Buffer.from('first')]);
  standIn.hangs = true;
  const [ends, produced] = [log.ends(), log.produce(0, [Buffer.from('second')])];
  clock.advance(Math.max(limits.eventStoreReadMs, limits.eventStoreAppendMs));
  await t.throwsAsync(ends, { code: 'log-unavailable' });
  await t.throwsAsync(produced);
  standIn.hangs = false;
  // Whether the second came to stand nobody knows.
  const [end] = await log.ends();
  t.true(end === 1 || end === 2, `${end}`);
  t.is(warnings.length, 3, 'two calls failed, and one of them is well again');
  await log.close();
});

test.serial('a follower goes on after its connection was cut, without gap', async (t) => {
  const { connection, name } = parseEventStoreAddress(standIn.address('cut'));
  const logger = { warn: () => {} };
  const log = new EventStoreOrderedLog({ connection, name, partitions: 1, clock: systemClock, logger });
  const records = log.consume(0, 0, new AbortController().signal)[Symbol.asyncIterator]();
  const seen: string[] = [];
  for (const text of ['a', 'b', 'c']) {
    for (let written = false; !written; ) {
      written = await log.produce(0, [Buffer.from(text)]).then(
        () => true,
        () => false,
      );
    }
    const { value } = await records.next();
    for (const { offset, bytes } of value ?? []) seen.push(`${offset} ${bytes}`);
    await standIn.restart();
  }
  t.deepEqual(seen, ['0 a', '1 b', '2 c']);
  await log.close();
});

test('an address names the log by its path, and a wrong one is not repeated', (t) => {
  t.deepEqual(parseEventStoreAddress('esdb+discover://a:b@h:2113,i:2113/cloud.1?tls=false'), {
    connection: 'esdb+discover://a:b@h:2113,i:2113?tls=false',
    name: 'cloud.1',
  });
  for (const address of ['esdb://h:2113', 'esdb://h:2113/', 'http://h/name', 'esdb://h/a b']) {
    const error = t.throws(() => parseEventStoreAddress(address));
    t.false(error?.message.includes(address));
  }
});
