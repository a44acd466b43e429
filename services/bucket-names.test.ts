// Tests which bucket a name means to whom: names that all share, names that each project has for itself, and
// that both kinds are whole buckets in every dialect.

import test from 'ava';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { type MemoryCloud, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { isSharedName } from './bucket-names.ts';
import type { Caller } from './cloud.ts';

const as = (accountId: string): Caller => ({ accountId, role: 'member', requestId: 'r' });
const [ada, bob] = [as('ada'), as('bob')];

function accept<Value>(outcome: Value | Rejection<string>): Value {
  if (isRejected(outcome)) throw new Error(outcome.rejected);
  return outcome;
}

const make = async ({ cloud }: MemoryCloud, caller: Caller, name: string) =>
  accept(await cloud.buckets.create(caller, name, 'here', { scope: 'own' }));
const namesOf = async ({ cloud }: MemoryCloud, caller: Caller) =>
  (await cloud.buckets.list(caller, '', 100)).map(({ name }) => name);

test('names that all share follow the naming rules', (t) => {
  for (const name of ['abc', 'a-b', 'a.b', '1bucket', 'b23', 'x'.repeat(63)])
    t.true(isSharedName(name), name);
  const refused = ['', 'ab', 'Abc', 'a_b', '-abc', 'abc-', '.abc', 'a..b', '192.168.5.4', 'x'.repeat(64)];
  refused.push(
    'xn--abc',
    'sthree-abc',
    'amzn-s3-demo-x',
    'abc-s3alias',
    'abc--ol-s3',
    'abc.mrap',
    'abc--x-s3',
  );
  for (const name of refused) t.false(isSharedName(name), name);
});

test('the first to take a shared name has it, everybody else has one of that name alone', async (t) => {
  const memory = await openMemoryCloud();
  t.is((await make(memory, ada, 'photos')).id, 'photos');
  t.is((await make(memory, bob, 'photos')).id, 'bob:photos');
  t.is(accept(await memory.cloud.buckets.get(ada, 'photos')).id, 'photos');
  t.is(accept(await memory.cloud.buckets.get(bob, 'photos')).id, 'bob:photos');
  t.deepEqual(await memory.cloud.buckets.get(as('eve'), 'photos'), { rejected: 'access-denied' });
  t.deepEqual(await memory.cloud.buckets.create(bob, 'photos', 'here'), {
    rejected: 'bucket-owned-by-caller',
  });
  t.deepEqual(await memory.cloud.buckets.create(bob, 'photos', 'here', { scope: 'own' }), {
    rejected: 'bucket-owned-by-caller',
  });
  // A name that becomes free does not change what the others mean by it.
  t.is(await memory.cloud.buckets.delete(ada, 'photos'), undefined);
  t.is(accept(await memory.cloud.buckets.get(bob, 'photos')).id, 'bob:photos');
  t.deepEqual(await memory.cloud.buckets.create(bob, 'photos', 'here', { scope: 'own' }), {
    rejected: 'bucket-owned-by-caller',
  });
  t.deepEqual(await namesOf(memory, bob), ['photos']);
  await memory.close();
});

test('a name that is not fit to be shared is its owner’s alone, whatever it looks like', async (t) => {
  const memory = await openMemoryCloud();
  const names = ['Ärger & Glück', 'bob:photos', 'UPPER', 'ada:photos', 'a'];
  for (const name of names) t.is((await make(memory, ada, name)).id, `ada:${name}`);
  await make(memory, ada, 'photos');
  t.deepEqual((await namesOf(memory, ada)).sort(), [...names, 'photos'].sort());
  for (const name of names) {
    t.is(accept(await memory.cloud.buckets.get(ada, name)).name, name);
    t.deepEqual(await memory.cloud.buckets.get(bob, name), { rejected: 'no-such-bucket' }, name);
  }
  // Nor does another's id open anything.
  t.deepEqual(await memory.cloud.buckets.get(bob, 'ada:UPPER'), { rejected: 'no-such-bucket' });
  t.is(await memory.cloud.buckets.delete(ada, 'ada:photos'), undefined);
  t.is(accept(await memory.cloud.buckets.get(ada, 'photos')).id, 'photos');
  await memory.close();
});

test('what is known of a bucket and of a project’s buckets is changed in part', async (t) => {
  const memory = await openMemoryCloud();
  const { buckets } = memory.cloud;
  await make(memory, ada, 'photos');
  const properties = async () => accept(await buckets.get(ada, 'photos')).properties;
  t.deepEqual(await properties(), {});
  await buckets.describe(ada, 'photos', { set: { 'meta/b': '1', 'meta/a': '2' }, unset: [] });
  await buckets.describe(ada, 'photos', { set: { 'meta/c': '3' }, unset: ['meta/b', 'meta/x'] });
  t.deepEqual(await properties(), { 'meta/a': '2', 'meta/c': '3' });
  const reader = { ...ada, role: 'reader' } as const;
  t.deepEqual(await buckets.describe(reader, 'photos', { set: {}, unset: ['meta/a'] }), {
    rejected: 'access-denied',
  });
  t.deepEqual(await buckets.describe(bob, 'photos', { set: {}, unset: ['meta/a'] }), {
    rejected: 'access-denied',
  });
  await buckets.describeSpace(ada, { set: { 'meta/x': 'y' }, unset: [] });
  t.deepEqual(await buckets.describeSpace(reader, { set: {}, unset: ['meta/x'] }), {
    rejected: 'access-denied',
  });
  t.deepEqual(accept(await buckets.space(ada)).properties, { 'meta/x': 'y' });
  t.deepEqual(accept(await buckets.space(bob)).properties, {});
  await buckets.delete(ada, 'photos');
  await make(memory, ada, 'photos');
  t.deepEqual(await properties(), {});
  await memory.close();
});
