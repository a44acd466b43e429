// Tests S3 with some two thousand hostile requests; many more meet the built program in s3.engines.test.ts.

import test from 'ava';
import { S3Server } from '#tests/support/s3-server.ts';
import type { AccessKey } from '#tests/support/signed-requests.ts';
import { attack } from './attack.ts';
import { S3Dialect } from './s3-dialect.ts';
import { changesOf, setScene } from './s3-scene.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 4);
const CASES = process.env.HOSTILE_CASE === undefined ? 2_000 : [Number(process.env.HOSTILE_CASE)];

test('hostile requests get documented refusals, and change nothing that is not theirs', async (t) => {
  const server = await S3Server.start();
  t.teardown(() => server.stop());
  const { host, port } = new URL(server.endpoint);
  const key = server.keys[0] as AccessKey;
  const scene = await setScene({ host, key, attacker: server.client, other: server.other });
  const dialect = new S3Dialect(scene);
  const findings = await attack({ dialect, port: Number(port), seed: SEED, cases: CASES });
  t.log(`seed ${SEED}: ${JSON.stringify(findings.answers)}`);
  t.is(findings.complaints.join('\n'), '');
  t.true(findings.probes > 0);
  t.deepEqual(await changesOf(server.other), []);
  t.deepEqual(server.logged, []);
});
