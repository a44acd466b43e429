// Owns the checks of the whole composition for which a clock must be moved: what deletion gives back.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { ManualClock } from '#core/kernel/clock.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { Caller } from '#services/cloud.ts';
import { ScriptedSource } from '#tests/support/scripted-source.ts';
import { openCloud } from './compose.ts';

const ADA: Caller = { accountId: 'ada', role: 'member', requestId: 'r' };

test('what is deleted or replaced gives its chunks back, on all nodes, and nothing else does', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const open = await openCloud({
    ...{ directory, clock, random: systemRandom, logger: pino({ level: 'silent' }) },
    onFault: (error) => t.fail(String(error)),
  });
  const { buckets, objects } = open.cloud;
  await buckets.create(ADA, 'b', 'us-east-1');
  const put = async (key: string, bytes: Buffer) => {
    const stored = await objects.put(ADA, {
      ...{ bucket: 'b', key, digests: [], condition: {} },
      source: new ScriptedSource({ slices: [bytes], sizeBytes: bytes.length }),
      describe: () => ({ etag: 'e', contentType: '', headers: {}, metadata: {}, storageClass: 'STANDARD' }),
    });
    if (isRejected(stored)) throw new Error(stored.rejected);
    return stored;
  };
  const chunksOn = () => [...open.nodes.stores.values()].map((store) => store.status().chunks);

  const body = systemRandom.fill(Buffer.alloc(3 * MIB));
  await put('gone', body);
  await put('replaced', body);
  await put('kept', body);
  const replacement = await put('replaced', Buffer.from('small'));
  await objects.delete(ADA, 'b', 'gone', {});
  t.deepEqual(chunksOn(), [10, 10, 10]);

  clock.advance(limits.collectorGraceMs + 1);
  t.like(await open.collector.runOnce(), { waiting: 6, deleted: 0 });
  clock.advance(limits.collectorGraceMs + 1);
  t.like(await open.collector.runOnce(), { deleted: 6, failed: 0 });
  t.deepEqual(chunksOn(), [4, 4, 4]);

  const kept = await objects.get(ADA, 'b', 'kept');
  if (isRejected(kept)) return t.fail(kept.rejected);
  const parts: Buffer[] = [];
  const target = { write: (bytes: Uint8Array) => void parts.push(Buffer.from(bytes)) };
  await objects.read(kept, 0, kept.sizeBytes, target);
  t.true(Buffer.concat(parts).equals(body));
  parts.length = 0;
  await objects.read(replacement, 0, replacement.sizeBytes, target);
  t.is(Buffer.concat(parts).toString(), 'small');
  await open.close();
});
