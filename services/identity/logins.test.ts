// Tests that a lock-out holds in all gateways, survives what this process remembers, and that a login without
// a policy writes nothing.

import test from 'ava';
import { isRejected } from '#core/kernel/decider.ts';
import { MemoryChunkClient } from '#tests/support/memory-chunk-client.ts';
import { type MemoryCloud, memorySubjectKeys, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { openTestReadModels } from '#tests/support/read-models.ts';
import { NO_LOGIN_POLICY } from './login-policy.ts';

const ACTOR = { user: 'tester', project: 'tester', requestId: 'test' };
const EVE = {
  ...{ domainId: 'default', name: 'eve', description: '', email: '', defaultProjectId: '' },
  ...{ enabled: true, extra: {} },
};
const LOCK_MS = 60_000;

async function withUser({ identity, accounts }: MemoryCloud): Promise<string> {
  // With the first account the default domain begins.
  await accounts.addAccount('ada');
  const id = await identity.users.createUser(ACTOR, EVE, 'correct horse');
  if (isRejected(id)) throw new Error(id.rejected);
  return id;
}

async function loginAt({ identity, clock }: MemoryCloud, id: string, password: string) {
  await identity.barrier();
  return identity.logins.byPassword(identity.view.get('user', id), password, clock.nowMs());
}

test('who was locked out at one gateway is at all, until the time is over', async (t) => {
  const models = await openTestReadModels();
  const loginPolicy = { ...NO_LOGIN_POLICY, lockoutFailures: 3, lockoutMs: LOCK_MS };
  const shared = { log: models.log, chunks: new MemoryChunkClient(), keys: memorySubjectKeys() };
  const one = await openMemoryCloud({ ...shared, identityOptions: { loginPolicy } });
  const other = await openMemoryCloud({ ...shared, identityOptions: { loginPolicy } });
  const id = await withUser(one);
  t.is(await loginAt(other, id, 'correct horse'), 'right');
  // Each counts for itself: what the other saw is no failure here.
  for (const cloud of [one, one, other, other]) t.is(await loginAt(cloud, id, 'guess'), 'wrong');
  t.is(await loginAt(one, id, 'guess'), 'wrong');
  for (const cloud of [one, other]) t.is(await loginAt(cloud, id, 'correct horse'), 'wrong');
  for (const cloud of [one, other]) cloud.clock.advance(LOCK_MS);
  for (const cloud of [one, other]) t.is(await loginAt(cloud, id, 'correct horse'), 'right');
  for (const cloud of [one, other]) await cloud.close();
  await models.close();
});

test('logins, right or wrong, write nothing where nothing is demanded of them', async (t) => {
  const cloud = await openMemoryCloud();
  const id = await withUser(cloud);
  const before = await cloud.log.tail();
  for (let number = 0; number < 20; number++) t.is(await loginAt(cloud, id, `guess ${number}`), 'wrong');
  t.is(await loginAt(cloud, id, 'correct horse'), 'right');
  t.deepEqual(await cloud.log.tail(), before);
  await cloud.close();
});
