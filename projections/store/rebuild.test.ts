// Tests the rebuilding: it sees equality where there is some, and every kind of difference where there is
// none.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryLog } from '#tests/support/memory-log.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Projection } from './projection.ts';
import type { ReadStore } from './read-store.ts';
import { rebuildProjection } from './rebuild.ts';
import { createProjectionRunner } from './runner.ts';

const lastValues: Projection = {
  name: 'last-values',
  version: 1,
  families: ['things'],
  apply: (event, rows) => rows.put(event.stream, event.payload),
};

const EVENTS = 3_000;

async function setUp(store: ReadStore = createMemoryStore()) {
  const clock = new ManualClock();
  const log = new MemoryLog({ clock, random: seededRandom(7) });
  const append = (number: number) =>
    log.append({
      stream: `things/${number % 2_500}`,
      events: [{ type: 'set', payload: Buffer.from(String(number)) }],
      expect: 'any',
      actor: SYSTEM,
    });
  for (let number = 0; number < EVENTS; number++) await append(number);
  const onFault = (error: unknown) => {
    throw error;
  };
  const running = await createProjectionRunner({ log, store, projections: [lastValues], clock, onFault });
  await running.whenCaughtUp(await log.tail());
  const rebuild = (projection = lastValues, report = (_done: number, _total: number) => {}) =>
    rebuildProjection({ log, clock, projection, running, store: createMemoryStore(), report });
  const close = async () => {
    await running.close();
    await log.close();
  };
  return { append, running, rebuild, close };
}

test('a rebuilt table equals the running one, and progress goes from nothing to all', async (t) => {
  const { rebuild, close } = await setUp();
  const seen: number[] = [];
  const report = await rebuild(lastValues, (done, total) => {
    t.is(total, EVENTS);
    seen.push(done);
  });
  t.deepEqual(report, { events: EVENTS, rows: 2_500, equal: true });
  t.is(seen.at(-1), EVENTS);
  t.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  await close();
});

test('a rebuilt table equals the running one while events are appended all the time', async (t) => {
  const { append, rebuild, close } = await setUp();
  let going = true;
  const appending = (async () => {
    for (let number = 0; going; number++) await append(number * 7);
  })();
  for (let round = 0; round < 5; round++) t.true((await rebuild()).equal);
  going = false;
  await appending;
  await close();
});

const SPOILED: Record<string, (store: ReadStore) => ReadStore> = {
  'a changed value': (store) => ({
    ...store,
    write: (writes) =>
      store.write(
        writes.map((write) => ({
          ...write,
          rows: new Map(
            [...write.rows].map(([key, value]) => [
              key,
              key === 'things/1999' ? Buffer.from('other') : value,
            ]),
          ),
        })),
      ),
  }),
  'a missing row': (store) => ({
    ...store,
    write: (writes) =>
      store.write(
        writes.map((write) => ({
          ...write,
          rows: new Map([...write.rows].filter(([key]) => key !== 'things/1999')),
        })),
      ),
  }),
  'a row too many': (store) => ({
    ...store,
    write: (writes) =>
      store.write(
        writes.map((write) => ({ ...write, rows: new Map([...write.rows, ['z', Buffer.from('z')]]) })),
      ),
  }),
};

for (const [what, spoil] of Object.entries(SPOILED)) {
  test(`${what} in the running table is seen`, async (t) => {
    const { running, rebuild, close } = await setUp(spoil(createMemoryStore()));
    await running.flush();
    t.false((await rebuild()).equal);
    await close();
  });
}

test('a projection that fails in the rebuilding is thrown to whoever asked, and the running one goes on', async (t) => {
  const { append, running, rebuild, close } = await setUp();
  const failing: Projection = {
    ...lastValues,
    apply: () => {
      throw new Error('cannot');
    },
  };
  await t.throwsAsync(() => rebuild(failing), { message: 'cannot' });
  const { position } = await append(1);
  await running.whenApplied(position);
  t.true((await rebuild()).equal);
  await close();
});
