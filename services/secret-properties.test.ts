// Tests the sealing of properties that are secrets: what leaves is sealed, opens where it was sealed alone,
// and its key is gone once it was replaced, taken away or refused.

import test from 'ava';
import { SUBJECT_KEY_BYTES } from '#core/identity/subject-keys.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { SecretProperties } from './secret-properties.ts';
import { WritesInFlight } from './writes-in-flight.ts';

function secretsAndKeys() {
  const kept = new Map<string, Uint8Array>();
  const keys = {
    async make() {
      const [blob, key] = [newId(systemRandom), systemRandom.fill(Buffer.alloc(SUBJECT_KEY_BYTES))];
      kept.set(blob, key);
      return { blob, key };
    },
    find: async (blob: string) => kept.get(blob),
    async destroy(blob: string) {
      kept.delete(blob);
    },
  };
  const context = { random: systemRandom, writes: new WritesInFlight() };
  return { kept, secrets: new SecretProperties(context, keys) };
}

const BOTH = { 'secret/a': 'hidden', 'meta/b': 'seen' };

test('secrets are sealed, all else is as it was, and they open where they were sealed', async (t) => {
  const { secrets } = secretsAndKeys();
  let told: Readonly<Record<string, string>> = {};
  await secrets.changing('s/1', { set: BOTH, unset: [] }, async ({ set }) => {
    told = set;
    return undefined;
  });
  t.is(told['meta/b'], 'seen');
  t.false(JSON.stringify(told).includes('hidden'));
  t.deepEqual(await secrets.opened('s/1', told), { a: 'hidden' });
  const { secrets: others } = secretsAndKeys();
  t.deepEqual(await others.opened('s/1', told), {});
});

test('a secret of one stream or name does not open as another', async (t) => {
  const { secrets } = secretsAndKeys();
  let sealed = '';
  await secrets.changing('s/1', { set: BOTH, unset: [] }, async ({ set }) => {
    sealed = set['secret/a'] as string;
    return undefined;
  });
  await t.throwsAsync(secrets.opened('s/2', { 'secret/a': sealed }), { message: /does not open/ });
  await t.throwsAsync(secrets.opened('s/1', { 'secret/b': sealed }), { message: /does not open/ });
});

test('the key of what was replaced, taken away, refused or deleted is destroyed', async (t) => {
  const { kept, secrets } = secretsAndKeys();
  let now: Readonly<Record<string, string>> = {};
  const setTo = (value: string) =>
    secrets.changing('s', { set: { 'secret/a': value }, unset: [] }, async ({ set }, replacing) => {
      replacing(now);
      now = set;
      return undefined;
    });
  await setTo('one');
  const first = now;
  await setTo('two');
  t.is(kept.size, 1);
  t.deepEqual(await secrets.opened('s', first), {});
  const change = { set: { 'secret/a': 'three' }, unset: [] };
  const refused = await secrets.changing('s', change, async () => ({ rejected: 'no' }) as const);
  t.deepEqual(refused, { rejected: 'no' });
  t.is(kept.size, 1);
  t.deepEqual(await secrets.opened('s', now), { a: 'two' });
  await secrets.changing('s', { set: {}, unset: ['secret/a'] }, async (_, replacing) => {
    replacing(now);
    return undefined;
  });
  t.is(kept.size, 0);
  await setTo('four');
  await secrets.eraseAll(now);
  t.is(kept.size, 0);
});
