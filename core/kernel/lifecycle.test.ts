// Owns the proof of the lifecycle tables: what is legal can be written and read back, what is not in a table
// cannot.

import test from 'ava';
import fastCheck from 'fast-check';
import { families } from '#core/families.ts';
import { payloadOf, walkOf } from '#tests/support/lifecycle-walk.ts';
import { bytes, flag, list, optional, record, text, textMap, texts, uint } from './fields.ts';
import type { Lifecycle } from './lifecycle.ts';
import { lifecycle } from './lifecycle.ts';

/** Every kind of field that there is. */
const samples = lifecycle('samples', {
  statuses: ['absent', 'present', 'gone'],
  initial: 'absent',
  events: {
    SampleTaken: {
      id: 1,
      from: ['absent'],
      to: 'present',
      data: {
        name: text(1),
        content: bytes(2),
        sizeBytes: uint(3),
        sealed: flag(4),
        labels: textMap(5),
        origin: record(6, { place: text(1), depth: optional(uint(2)) }),
        layers: list(7, { name: text(1), widths: list(2, { value: uint(1) }) }),
        remarks: texts(8),
        finder: optional(text(9)),
        checked: optional(flag(10)),
        photo: optional(bytes(11)),
      },
    },
    SampleLost: { id: 2, from: ['present'], to: 'gone', data: {} },
  },
});

const tables = [samples, ...Object.values(families)] as unknown as readonly Lifecycle[];

for (const family of tables) {
  for (const [type, row] of Object.entries(family.table.events)) {
    test(`${family.family}: any ${type} is read as it was written`, (t) => {
      fastCheck.assert(
        fastCheck.property(payloadOf(row.data), (data) => {
          const read = family.decode(type, family.encode({ type, data } as never));
          t.deepEqual(read, { type, data } as never);
        }),
      );
    });
  }

  test(`${family.family}: every walk over the table is legal, and every other step is not`, (t) => {
    fastCheck.assert(
      fastCheck.property(walkOf(family), (steps) => {
        let status = family.table.initial;
        for (const { event, status: after } of steps) {
          for (const [type, row] of Object.entries(family.table.events)) {
            t.is(family.next(status, type), row.from.includes(status) ? row.to : undefined);
          }
          t.is(family.next(status, event.type), after);
          status = after;
        }
      }),
      { numRuns: 50 },
    );
  });

  test(`${family.family}: a table leads only to statuses that it has`, (t) => {
    const { statuses, initial, events } = family.table;
    t.true(statuses.includes(initial));
    for (const row of Object.values(events)) {
      t.true(statuses.includes(row.to));
      for (const status of row.from) t.true(statuses.includes(status));
      t.true(Number.isInteger(row.id) && row.id > 0);
    }
  });
}

test('each family has the name of its streams, and no two the same', (t) => {
  for (const [name, { family }] of Object.entries(families)) t.is(name, family);
});

test('two events cannot have one number', (t) => {
  const row = { id: 1, from: ['absent'], to: 'absent', data: {} } as const;
  t.throws(
    () => lifecycle('twins', { statuses: ['absent'], initial: 'absent', events: { A: row, B: row } }),
    {
      message: /event number 1 is used twice/,
    },
  );
});

test('two fields cannot have one number', (t) => {
  t.throws(() =>
    lifecycle('twins', {
      statuses: ['absent'],
      initial: 'absent',
      events: { A: { id: 1, from: ['absent'], to: 'absent', data: { a: text(1), b: text(1) } } },
    }),
  );
});

test('an event that the table does not have is neither written nor read', (t) => {
  t.throws(() => samples.encode({ type: 'SampleEaten', data: {} } as never), {
    message: /no event SampleEaten/,
  });
  t.throws(() => samples.decode('SampleEaten', new Uint8Array()), { message: /no event SampleEaten/ });
  t.is(samples.next('absent', 'SampleEaten' as never), undefined);
});

test('a payload of a later version, with fields unknown to us, is read', (t) => {
  const later = lifecycle('samples', {
    statuses: ['absent'],
    initial: 'absent',
    events: {
      SampleLost: {
        id: 2,
        from: ['absent'],
        to: 'absent',
        data: { reason: text(1), place: record(2, { x: uint(1) }) },
      },
    },
  });
  const payload = later.encode({ type: 'SampleLost', data: { reason: 'fire', place: { x: 3 } } });
  t.deepEqual(samples.decode('SampleLost', payload), { type: 'SampleLost', data: {} });
});

test('metadata named like a property of every object is only metadata', (t) => {
  const labels = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c","":"d"}') as Record<
    string,
    string
  >;
  const row = samples.table.events.SampleTaken;
  const [data] = fastCheck.sample(payloadOf(row.data), { numRuns: 1, seed: 1 });
  const event = { type: 'SampleTaken', data: { ...data, labels } } as never;
  const read = samples.decode('SampleTaken', samples.encode(event));
  t.deepEqual(JSON.stringify((read.data as { labels: object }).labels), JSON.stringify(labels));
});
