// Tests that the keys of secrets go when what they seal goes: of changes at the same time all but the last,
// with a bucket, and with a project, of which nothing stays for whoever has its id next.

import test from 'ava';
import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { type MemoryCloud, memorySubjectKeys, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import type { Caller } from './cloud.ts';

/** Of the secrets of buckets and spaces alone. */
function countedKeys(): { readonly kept: Set<string>; readonly keys: SubjectKeys } {
  const inner = memorySubjectKeys();
  const kept = new Set<string>();
  const make: SubjectKeys['make'] = async (owner) => {
    const made = await inner.make(owner);
    if (/^(spaces|buckets)\//.test(owner)) kept.add(made.blob);
    return made;
  };
  const destroy: SubjectKeys['destroy'] = async (blob) => {
    kept.delete(blob);
    await inner.destroy(blob);
  };
  return { kept, keys: { ...inner, make, destroy } };
}

async function projectIn({ accounts }: MemoryCloud): Promise<Caller> {
  const made = await accounts.addAccount('p');
  if (isRejected(made)) throw new Error(made.rejected);
  return { accountId: made.accountId, role: 'member', requestId: 'r' };
}

test('changes of a secret at the same time leave the key of the last alone', async (t) => {
  const { kept, keys } = countedKeys();
  const memory = await openMemoryCloud({ keys });
  t.teardown(() => memory.close());
  const { buckets } = memory.cloud;
  const caller = await projectIn(memory);
  await buckets.create(caller, 'box', 'here');
  const set = (value: string) => ({ set: { 'secret/a': value }, unset: [] });
  await Promise.all(['1', '2', '3', '4'].map((value) => buckets.describeSpace(caller, set(value))));
  t.is(kept.size, 1);
  t.regex((await buckets.spaceSecrets(caller)).a ?? '', /^[1-4]$/);
  await Promise.all(['1', '2', '3', '4'].map((value) => buckets.describe(caller, 'box', set(value))));
  t.is(kept.size, 2);
  await Promise.all([buckets.describe(caller, 'box', set('5')), buckets.delete(caller, 'box')]);
  await buckets.delete(caller, 'box');
  t.is(kept.size, 1);
});

test('a project that is deleted leaves nothing that was said of its space, and no key', async (t) => {
  const { kept, keys } = countedKeys();
  const memory = await openMemoryCloud({ keys });
  t.teardown(() => memory.close());
  const { buckets } = memory.cloud;
  const caller = await projectIn(memory);
  const properties = { 'secret/a': 'hidden', 'meta/b': 'seen', 'access/x': 'y' };
  await buckets.describeSpace(caller, { set: properties, unset: [] });
  t.is(kept.size, 1);
  t.is(await memory.accounts.removeAccount('p'), undefined);
  t.is(kept.size, 0);
  t.is((await projectIn(memory)).accountId, caller.accountId);
  const space = await buckets.space(caller);
  t.deepEqual(isRejected(space) ? undefined : space.properties, {});
});
