// Tests the built program with hostile requests to Swift, of a member of one project who has nothing to do
// with another.

import test from 'ava';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { KeystoneUser } from './keystone-user.ts';
import { SwiftDialect } from './swift-dialect.ts';
import { changesOf, setScene } from './swift-scene.ts';
import { GROWTH_MIB, SEED, watchedAttack } from './watched-attack.ts';

test('a hundred thousand hostile requests to Swift find nothing', async (t) => {
  t.log(`seed ${SEED}`);
  const strata = await StrataProcess.start({ environment: { STRATA_ADMIN_PASSWORD: 'given' } });
  t.teardown(() => strata.remove());
  const { origin, host, port } = new URL(strata.identityEndpoint);
  const [attacker, other] = [
    await KeystoneUser.make(strata.identityEndpoint, 'given', 'mallory'),
    await KeystoneUser.make(strata.identityEndpoint, 'given', 'bob'),
  ];
  const accountOf = ({ projectId, token }: KeystoneUser) => {
    return { url: `${origin}/object-store/v1/AUTH_${projectId}`, token };
  };
  await setScene(accountOf(attacker), accountOf(other));
  const { token, projectId } = attacker;
  const dialect = new SwiftDialect({ host, token, projectId, otherProjectId: other.projectId });
  const found = await watchedAttack(strata.pid, 100_000, { dialect, port: Number(port) });
  const { complaints, warmMib, mostMib } = found;
  t.log({ ...found, complaints: complaints.length });
  t.is(complaints.join('\n'), '');
  t.true(found.probes > 0);
  t.deepEqual(await changesOf(accountOf(other)), []);
  t.true(mostMib - warmMib < GROWTH_MIB, `from ${warmMib} to ${mostMib} MiB`);
  t.is(strata.stderr, '');
  t.deepEqual(await strata.stop(), { code: 0, signal: null });
});
