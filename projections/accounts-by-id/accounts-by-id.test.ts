// Tests accounts-by-id: accounts with their keys, names that are free again, and what an end leaves.

import test from 'ava';
import { accountStream, accounts } from '#core/identity/accounts.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';

const create = (models: TestReadModels, id: string, name: string, email?: string) =>
  models.append(accounts, accountStream(id), {
    type: 'AccountCreated',
    data: { name, canonicalId: 'c'.repeat(64), role: 'member', ...(email !== undefined && { email }) },
  });
const createKey = (models: TestReadModels, id: string, accessKeyId: string, secret: Uint8Array) =>
  models.append(accounts, accountStream(id), {
    type: 'AccessKeyCreated',
    data: { accessKeyId, sealedSecret: secret },
  });
const remove = (models: TestReadModels, id: string) =>
  models.append(accounts, accountStream(id), { type: 'AccountRemoved', data: {} });

test('an account is found by id and by name, with its keys in order of their making', async (t) => {
  const models = await openTestReadModels();
  const createdMs = models.clock.nowMs();
  await create(models, 'id-1', 'Zoë', 'zoe@example.org');
  models.clock.advance(1_000);
  const secret = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await createKey(models, 'id-1', 'key-b', secret);
  await createKey(models, 'id-1', 'key-a', secret);
  const account = models.accounts.get('id-1');
  t.like(account, {
    ...{ id: 'id-1', name: 'Zoë', email: 'zoe@example.org', canonicalId: 'c'.repeat(64), role: 'member' },
    ...{ createdMs, revision: 2 },
  });
  t.deepEqual(
    account?.accessKeys.map(({ accessKeyId }) => accessKeyId),
    ['key-b', 'key-a'],
  );
  t.deepEqual(models.accounts.byName('Zoë'), account);
  const key = models.accounts.accessKey('key-a');
  t.like(key, { accessKeyId: 'key-a', accountId: 'id-1', createdMs: createdMs + 1_000 });
  t.deepEqual(Uint8Array.from(key?.sealedSecret ?? []), secret);
  t.is(models.accounts.byName('Zoe'), undefined);
  t.is(models.accounts.accessKey('key-c'), undefined);
  await models.close();
});

test('an account without an address has none', async (t) => {
  const models = await openTestReadModels();
  await create(models, 'id-1', 'anna');
  t.false(Object.hasOwn(models.accounts.get('id-1') ?? {}, 'email'));
  await models.close();
});

test('a revoked key opens nothing, and the others still do', async (t) => {
  const models = await openTestReadModels();
  await create(models, 'id-1', 'anna');
  for (const key of ['key-a', 'key-b']) await createKey(models, 'id-1', key, Buffer.from(key));
  await models.append(accounts, accountStream('id-1'), {
    type: 'AccessKeyRevoked',
    data: { accessKeyId: 'key-a' },
  });
  t.is(models.accounts.accessKey('key-a'), undefined);
  t.is(models.accounts.accessKey('key-b')?.accountId, 'id-1');
  t.deepEqual(
    models.accounts.get('id-1')?.accessKeys.map(({ accessKeyId }) => accessKeyId),
    ['key-b'],
  );
  t.is(models.accounts.revision('id-1'), 3);
  await models.close();
});

test('a removed account takes its keys and its name along and leaves its revision', async (t) => {
  const models = await openTestReadModels();
  await create(models, 'id-1', 'anna');
  await createKey(models, 'id-1', 'key-a', Buffer.from('s'));
  await remove(models, 'id-1');
  t.is(models.accounts.get('id-1'), undefined);
  t.is(models.accounts.byName('anna'), undefined);
  t.is(models.accounts.accessKey('key-a'), undefined);
  t.is(models.accounts.revision('id-1'), 2);
  t.is(models.accounts.revision('id-2'), undefined);
  await create(models, 'id-2', 'anna');
  t.is(models.accounts.byName('anna')?.id, 'id-2');
  t.deepEqual(
    (await models.accounts.all()).map(({ id }) => id),
    ['id-2'],
  );
  await models.close();
});

test('a name taken over by another account outlives the first holder', async (t) => {
  const models = await openTestReadModels();
  await create(models, 'id-1', 'anna');
  await create(models, 'id-2', 'anna');
  await remove(models, 'id-1');
  t.is(models.accounts.byName('anna')?.id, 'id-2');
  await models.close();
});
