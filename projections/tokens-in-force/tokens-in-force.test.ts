// Tests tokens-in-force: keys in order of their making, and revocations that are kept as long as they matter.

import test from 'ava';
import fastCheck from 'fast-check';
import { identityStream } from '#core/identity/directory.events.ts';
import { tokens } from '#core/identity/tokens.events.ts';
import { limits } from '#core/kernel/limits.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';

const makeKey = (models: TestReadModels, keyId: string) =>
  models.append(tokens, identityStream('tokens', 'keys'), {
    type: 'TokenKeyMade',
    data: { keyId, keyBlob: `${keyId}-blob`, sealedKey: Buffer.from('k') },
  });
const revoke = (models: TestReadModels, auditId: string, expiresMs: number) =>
  models.append(tokens, identityStream('tokens', 'revoked'), {
    type: 'TokenRevoked',
    data: { auditId, expiresMs },
  });

test('keys are known in order of their making, until they are retired', async (t) => {
  const models = await openTestReadModels();
  await makeKey(models, 'b');
  await makeKey(models, 'a');
  await revoke(models, 'x', 1);
  const { keys, revision } = models.tokens.keys();
  t.deepEqual(
    keys.map(({ keyId, sealedKey }) => [keyId, sealedKey]),
    [
      ['b', 'aw=='],
      ['a', 'aw=='],
    ],
  );
  t.is(revision, 1);
  t.true(models.namedBlobs.isNamed('tokens/identity/keys', 'a-blob'));
  await models.append(tokens, identityStream('tokens', 'keys'), {
    type: 'TokenKeyRetired',
    data: { keyId: 'b' },
  });
  t.is(models.tokens.keys().keys.length, 1);
  t.false(models.namedBlobs.isNamed('tokens/identity/keys', 'b-blob'));
  await models.close();
});

test('a revoked token stays revoked until it would have ended, and its row goes after that', async (t) => {
  const lifeMs = fastCheck.integer({ min: 1, max: 10 * limits.revocationBucketMs });
  const step = fastCheck.record({ lifeMs, pauseMs: fastCheck.nat({ max: limits.revocationBucketMs }) });
  await fastCheck.assert(
    fastCheck.asyncProperty(fastCheck.array(step, { maxLength: 20 }), async (steps) => {
      const models = await openTestReadModels();
      const model = new Map<string, number>();
      for (const [number, { lifeMs, pauseMs }] of steps.entries()) {
        models.clock.advance(pauseMs);
        const expiresMs = models.clock.nowMs() + lifeMs;
        model.set(`t${number}`, expiresMs);
        await revoke(models, `t${number}`, expiresMs);
        await revoke(models, `t${number}`, expiresMs);
        for (const [auditId, ends] of model) {
          if (ends > models.clock.nowMs()) t.true(models.tokens.isRevoked(auditId));
        }
      }
      models.clock.advance(12 * limits.revocationBucketMs);
      await revoke(models, 'last', models.clock.nowMs() + 1);
      for (const auditId of model.keys()) t.false(models.tokens.isRevoked(auditId));
      t.true(models.tokens.isRevoked('last'));
      await models.close();
    }),
    { numRuns: 30 },
  );
});
