// Owns the proof that the published schema is the stored one: a reader that has only the .proto file reads
// our bytes.

import test from 'ava';
import fastCheck from 'fast-check';
import protobuf from 'protobufjs';
import { families } from '#core/families.ts';
import { payloadOf } from '#tests/support/lifecycle-walk.ts';
import { brokenPromises, protoText } from './proto-text.ts';

const PLAIN = { longs: Number, defaults: true, arrays: true, objects: true };

for (const family of Object.values(families)) {
  test(`whoever has only ${family.family}.proto reads what the table wrote`, (t) => {
    const { root } = protobuf.parse(protoText(family));
    for (const [type, row] of Object.entries(family.table.events)) {
      const published = root.lookupType(`strata.events.v1.${family.family}.${type}`);
      const encode = family.encode as (event: { type: string; data: unknown }) => Uint8Array;
      fastCheck.assert(
        fastCheck.property(payloadOf(row.data), (data) => {
          const bytes = encode({ type, data });
          t.deepEqual(published.toObject(published.decode(bytes), PLAIN), family.decode(type, bytes).data);
        }),
        { numRuns: 20 },
      );
    }
  });
}

const PUBLISHED = `syntax = "proto3"; package p;
  message Event { oneof event { Put put = 1; } }
  message Put { message Part { string id = 1; } string key = 1; repeated Part parts = 2; }`;

const broken = (from: string, to: string) => brokenPromises(PUBLISHED, PUBLISHED.replace(from, to));

test('a new field, a new event and a new order break no promise', (t) => {
  t.deepEqual(broken('string key = 1;', 'string key = 1; optional uint64 size = 3;'), []);
  t.deepEqual(broken('Put put = 1;', 'Put put = 1; Put again = 2;'), []);
  t.deepEqual(
    broken('string key = 1; repeated Part parts = 2;', 'repeated Part parts = 2; string key = 1;'),
    [],
  );
});

test('a published number that is dropped, renamed or retyped is a broken promise', (t) => {
  t.deepEqual(broken('string key = 1; ', ''), ['Put.1 was published as "string key" and is gone']);
  t.deepEqual(broken('string key = 1;', 'bytes key = 1;'), [
    'Put.1 was published as "string key" and would become "bytes key"',
  ]);
  t.is(broken('string key = 1;', 'string name = 1;').length, 1);
  t.is(broken('repeated Part', 'Part').length, 1);
  t.is(broken('string id = 1;', 'string id = 2;').length, 1);
  t.is(broken('Put put = 1;', 'Put put = 2;').length, 1);
});
