// Tests the built program with hostile requests to Keystone, first of one who manages a domain, then of a
// careless administrator, who gets deeper.

import test from 'ava';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { IdentityDialect } from './identity-dialect.ts';
import { IdentityAdministrator } from './identity-scene.ts';
import { GROWTH_MIB, SEED, watchedAttack } from './watched-attack.ts';

test('forty thousand hostile requests to Keystone find nothing', async (t) => {
  t.log(`seed ${SEED}`);
  const strata = await StrataProcess.start({ environment: { STRATA_ADMIN_PASSWORD: 'given' } });
  t.teardown(() => strata.remove());
  const port = Number(new URL(strata.identityEndpoint).port);
  const administrator = new IdentityAdministrator(strata.identityEndpoint, 'given');
  const scene = await administrator.setScene();
  const before = await administrator.whatIsThere();
  for (const who of ['manager', 'administrator'] as const) {
    const dialect = new IdentityDialect(scene[who], who === 'administrator');
    const found = await watchedAttack(strata.pid, 20_000, { dialect, port });
    const { complaints, warmMib, mostMib } = found;
    t.log({ who, ...found, complaints: complaints.length });
    t.is(complaints.join('\n'), '');
    t.true(found.probes > 0);
    if (who === 'manager') t.is(await administrator.whatIsThere(), before);
    t.true(mostMib - warmMib < GROWTH_MIB, `from ${warmMib} to ${mostMib} MiB`);
  }
  t.is(strata.stderr, '');
  t.deepEqual(await strata.stop(), { code: 0, signal: null });
});
