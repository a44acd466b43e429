// Tests storage policies: which one a container gets, that it keeps it, and where they are shown.

import { ListBucketsCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';
import { StoragePolicies, type StoragePolicy } from './storage-policies.ts';

const policy = (name: string, more: Partial<StoragePolicy> = {}): StoragePolicy => ({
  ...{ name, aliases: [], isDefault: false, isDeprecated: false },
  ...more,
});

const ALL = [
  policy('bronze'),
  policy('silver', { isDefault: true, aliases: ['sterling'] }),
  policy('gold', { isDeprecated: true }),
];

const put = (at: SwiftServer, name: string, wanted?: string) =>
  at.call('PUT', `/${name}`, { headers: wanted === undefined ? {} : { 'X-Storage-Policy': wanted } });

test('a name or an alias, in any case, means a policy; a new name keeps the containers', (t) => {
  const policies = new StoragePolicies(ALL);
  t.is(policies.asked('STERLING')?.name, 'silver');
  t.is(policies.asked(''), undefined);
  t.deepEqual(policies.propertiesOf(undefined), { 'storage-policy': 'silver' });
  t.deepEqual(policies.propertiesOf(policies.asked('bronze')), {});
  t.is(policies.nameOf({}), 'bronze');
  const renamed = new StoragePolicies([policy('bronze'), policy('argent', { aliases: ['silver'] })]);
  t.is(renamed.nameOf({ 'storage-policy': 'silver' }), 'argent');
  t.is(renamed.nameOf({ 'storage-policy': 'gone' }), 'gone');
});

test('a container has the policy that it was made with', async (t) => {
  const at = await SwiftServer.start({ policies: ALL });
  t.teardown(() => at.stop());
  const shown = async (name: string) => {
    const head = await at.call('HEAD', `/${name}`);
    return (await at.call('GET', `/${name}`)).headers.get('x-storage-policy') ===
      head.headers.get('x-storage-policy')
      ? head.headers.get('x-storage-policy')
      : 'differs';
  };
  t.is((await put(at, 'plain')).status, 201);
  t.is(await shown('plain'), 'silver');
  t.is((await put(at, 'low', 'Bronze')).status, 201);
  t.is(await shown('low'), 'bronze');
  t.is((await put(at, 'low', 'bronze')).status, 202);
  t.is((await put(at, 'low')).status, 202);
  t.is((await put(at, 'low', 'sterling')).status, 409);
  t.is(await shown('low'), 'bronze');
  const unknown = await put(at, 'none', 'platinum');
  t.is(unknown.status, 400);
  t.is(unknown.text, 'Invalid X-Storage-Policy "platinum"');
  t.is((await put(at, 'none', 'gold')).status, 400);
  t.is((await at.call('HEAD', '/none')).status, 404);
  await at.call('POST', '/low', { headers: { 'X-Storage-Policy': 'silver', 'X-Container-Meta-A': 'b' } });
  t.is(await shown('low'), 'bronze');
  t.is((await at.call('DELETE', '/low')).status, 204);
  t.is((await put(at, 'low', 'silver')).status, 201);
  t.is(await shown('low'), 'silver');
});

test('of those who make a container at once with different policies one is told that it did', async (t) => {
  const at = await SwiftServer.start({ policies: ALL });
  t.teardown(() => at.stop());
  const names = ['bronze', 'silver', 'bronze', 'silver'];
  const answers = await Promise.all(names.map((name) => put(at, 'raced', name)));
  const won = names[answers.findIndex(({ status }) => status === 201)];
  t.deepEqual(
    answers.map(({ status }, index) => (names[index] === won ? status < 300 : status === 409)),
    names.map(() => true),
  );
  t.is((await at.call('HEAD', '/raced')).headers.get('x-storage-policy') ?? undefined, won);
});

test('policies are told by /info, and counted by account', async (t) => {
  const at = await SwiftServer.start({ policies: ALL });
  t.teardown(() => at.stop());
  const { swift } = JSON.parse((await at.raw('GET', '/info')).text);
  t.deepEqual(swift.policies, [
    { name: 'bronze', aliases: 'bronze' },
    { name: 'silver', aliases: 'silver, sterling', default: true },
  ]);
  await put(at, 'a', 'bronze');
  await put(at, 'b');
  await put(at, 'c');
  await at.call('PUT', '/a/1', { body: '123' });
  await at.call('PUT', '/b/1', { body: '12' });
  await at.call('PUT', '/c/1', { body: '1' });
  const { headers } = await at.call('HEAD', '');
  const counted = ['container-count', 'object-count', 'bytes-used'];
  const of = (name: string) => counted.map((what) => headers.get(`x-account-storage-policy-${name}-${what}`));
  t.deepEqual(of('bronze'), ['1', '1', '3']);
  t.deepEqual(of('silver'), ['2', '2', '3']);
  t.deepEqual(of('gold'), [null, null, null]);
  const listed: { name: string; storage_policy: string }[] = JSON.parse(
    (await at.call('GET', '?format=json')).text,
  );
  t.deepEqual(
    listed.map((row) => `${row.name}: ${row.storage_policy}`),
    ['a: bronze', 'b: silver', 'c: silver'],
  );
  const { Buckets = [] } = await at.s3.send(new ListBucketsCommand());
  t.is(Buckets.length, 3);
});
