// Owns the checks that a cluster has one ring, made once, whatever happens while it is made.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { MemoryLog } from '#tests/support/memory-log.ts';
import { obtainRing } from './cluster-ring.ts';

const first = [1, 2, 3].map((number) => ({ node: `node-${number}`, zone: `zone-${number}` }));

test('the first start makes a ring of the first devices, and the next one finds it', async (t) => {
  const clock = new ManualClock();
  const log = new MemoryLog({ clock, random: seededRandom(1) });
  const made = await obtainRing(log, clock, first);
  t.deepEqual(
    made.devices.map((device) => device.node),
    ['node-1', 'node-2', 'node-3'],
  );
  t.is(made.ring.primaries(0).length, 3);
  const tail = await log.tail();
  const found = await obtainRing(log, clock, first);
  t.deepEqual(await log.tail(), tail);
  t.is(found.ring.version, made.ring.version);
});

test('a start that ended between two events is made good by the next one', async (t) => {
  const clock = new ManualClock();
  for (let events = 1; events < 5; events++) {
    const log = new MemoryLog({ clock, random: seededRandom(1) });
    let left = events;
    const failing: EventLog = {
      append: (request) => (left-- > 0 ? log.append(request) : Promise.reject(new Error('power is out'))),
      read: (stream, options) => log.read(stream, options),
      follow: (options) => log.follow(options),
      tail: () => log.tail(),
      close: () => log.close(),
    };
    await t.throwsAsync(obtainRing(failing, clock, first), { message: 'power is out' });
    const made = await obtainRing(log, clock, first);
    t.is(made.devices.length, 3);
    t.is(made.ring.primaries(7).length, 3);
  }
});
