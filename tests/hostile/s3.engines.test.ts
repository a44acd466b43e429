// Tests the built program with a hundred thousand hostile requests to S3: it stays up, it stays small, it
// says nothing but what is documented, and what is not the attacker's is as it was.

import test from 'ava';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { KeystoneUser } from './keystone-user.ts';
import { S3Dialect } from './s3-dialect.ts';
import { changesOf, setScene } from './s3-scene.ts';
import { GROWTH_MIB, SEED, watchedAttack } from './watched-attack.ts';

test('a hundred thousand hostile requests to S3 find nothing', async (t) => {
  t.log(`seed ${SEED}`);
  const strata = await StrataProcess.start({ environment: { STRATA_ADMIN_PASSWORD: 'given' } });
  t.teardown(() => strata.remove());
  const key = await KeystoneUser.make(strata.identityEndpoint, 'given', 'mallory');
  const { host, port } = new URL(strata.endpoint);
  const other = strata.client();
  const dialect = new S3Dialect(await setScene({ host, key, attacker: strata.client(key), other }));
  const found = await watchedAttack(strata.pid, 100_000, { dialect, port: Number(port) });
  const { complaints, warmMib, mostMib } = found;
  t.log({ ...found, complaints: complaints.length });
  t.is(complaints.join('\n'), '');
  t.true(found.probes > 0);
  t.deepEqual(await changesOf(other), []);
  t.true(mostMib - warmMib < GROWTH_MIB, `from ${warmMib} to ${mostMib} MiB`);
  t.is(strata.stderr, '');
  t.deepEqual(await strata.stop(), { code: 0, signal: null });
});
