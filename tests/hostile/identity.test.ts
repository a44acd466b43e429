// Tests Keystone with some thousand hostile requests; many more meet the built program in
// identity.engines.test.ts.

import test from 'ava';
import { IdentityServer } from '#tests/support/identity-server.ts';
import { attack } from './attack.ts';
import { IdentityDialect } from './identity-dialect.ts';
import { IdentityAdministrator } from './identity-scene.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 4);
const CASES = process.env.HOSTILE_CASE === undefined ? 1_000 : [Number(process.env.HOSTILE_CASE)];

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

test('hostile requests get documented refusals, and change nothing that is not theirs', async (t) => {
  const administrator = new IdentityAdministrator(`${server.root}/v3`, 'correct horse');
  const scene = await administrator.setScene();
  const before = await administrator.whatIsThere();
  const port = Number(new URL(server.root).port);
  const dialect = new IdentityDialect(scene.manager);
  const findings = await attack({ dialect, port, seed: SEED, cases: CASES });
  t.log(`seed ${SEED}: ${JSON.stringify(findings.answers)}`);
  t.is(findings.complaints.join('\n'), '');
  t.true(findings.probes > 0);
  t.is(await administrator.whatIsThere(), before);
  // Who may do everything gets deeper.
  const careless = new IdentityDialect(scene.administrator, true);
  const more = await attack({ dialect: careless, port, seed: SEED, cases: CASES });
  t.log(`the administrator: ${JSON.stringify(more.answers)}`);
  t.is(more.complaints.join('\n'), '');
  t.deepEqual(server.logged, []);
});
