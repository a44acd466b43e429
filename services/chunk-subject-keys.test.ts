// Owns the checks of subject keys that are kept as chunks.

import test from 'ava';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkClient } from '#tests/support/memory-chunk-client.ts';
import { chunkSubjectKeys } from './chunk-subject-keys.ts';

const random = seededRandom(1);
const secret = (byte: number) => new Uint8Array(32).fill(byte);

test('a key is found by every gateway with the same secret, and nowhere in clear', async (t) => {
  const chunks = new MemoryChunkClient();
  const one = chunkSubjectKeys({ chunks, wrappingKey: secret(1), random });
  const other = chunkSubjectKeys({ chunks, wrappingKey: secret(1), random });
  const { blob, key } = await one.make('accounts/a');
  t.deepEqual(Buffer.from((await other.find(blob)) ?? []), Buffer.from(key));
  const stored = await chunks.read(Buffer.from(`${blob}00000000`, 'hex'), 0, 1_000);
  t.is(Buffer.from(stored).indexOf(Buffer.from(key)), -1);
});

test('with another secret a key does not open, nor under the name of another', async (t) => {
  const chunks = new MemoryChunkClient();
  const keys = chunkSubjectKeys({ chunks, wrappingKey: secret(1), random });
  const { blob } = await keys.make('accounts/a');
  const stranger = chunkSubjectKeys({ chunks, wrappingKey: secret(2), random });
  await t.throwsAsync(stranger.find(blob), { message: /does not open/ });
});

test('a destroyed key is gone', async (t) => {
  const chunks = new MemoryChunkClient();
  const keys = chunkSubjectKeys({ chunks, wrappingKey: secret(1), random });
  const { blob } = await keys.make('accounts/a');
  await keys.destroy(blob);
  t.is(await keys.find(blob), undefined);
});
