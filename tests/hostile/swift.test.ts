// Tests Swift with some two thousand hostile requests; many more meet the built program in
// swift.engines.test.ts.

import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';
import { attack } from './attack.ts';
import { SwiftDialect } from './swift-dialect.ts';
import { changesOf, setScene } from './swift-scene.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 4);
const CASES = process.env.HOSTILE_CASE === undefined ? 2_000 : [Number(process.env.HOSTILE_CASE)];

const POLICIES = [
  { name: 'cold', aliases: ['ice'], isDefault: false, isDeprecated: false },
  { name: 'gold', aliases: [], isDefault: true, isDeprecated: false },
  { name: 'old', aliases: [], isDefault: false, isDeprecated: true },
];

test('hostile requests get documented refusals, and change nothing that is not theirs', async (t) => {
  const server = await SwiftServer.start({ policies: POLICIES });
  t.teardown(() => server.stop());
  const { host, port } = new URL(server.root);
  const mallory = await server.person('mallory', 'member');
  const accountOf = ({ projectId, token }: typeof mallory) => {
    return { url: `${server.root}/object-store/v1/AUTH_${projectId}`, token };
  };
  await setScene(accountOf(mallory), accountOf(server.owner));
  const { token, projectId } = mallory;
  const dialect = new SwiftDialect({ host, token, projectId, otherProjectId: server.owner.projectId });
  const findings = await attack({ dialect, port: Number(port), seed: SEED, cases: CASES });
  t.log(`seed ${SEED}: ${JSON.stringify(findings.answers)}`);
  t.is(findings.complaints.join('\n'), '');
  t.true(findings.probes > 0);
  t.deepEqual(await changesOf(accountOf(server.owner)), []);
  t.deepEqual(server.logged, []);
});
