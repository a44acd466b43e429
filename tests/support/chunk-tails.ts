// Owns images of a chunk store as a crash leaves it, and damage to the last needles in them.

import { cpSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { chunkOf } from '#storage-nodes/chunks/suite/suite-support.ts';
import { type FoundNeedle, flipByte, needlesIn } from './segment-files.ts';

export interface TailNeedle extends FoundNeedle {
  readonly chunk: Chunk;
  readonly name: string;
  readonly fileBytes: number;
}

export interface TailDamage {
  readonly at: number;
  readonly how: 'flip' | 'cut';
}

/**
 * Leaves in `image` of the directory a store as a crash would: ten chunks that its index knows, and behind
 * them `count` small ones that it does not.
 */
export async function tailImage(
  t: ExecutionContext,
  directory: string,
  count: number,
): Promise<{ before: Chunk[]; last: TailNeedle[] }> {
  const live = join(directory, 'live');
  const image = join(directory, 'image');
  const open = () => DiskChunkStore.open({ directory: live, clock: new ManualClock(), random: systemRandom });
  const before = Array.from({ length: 10 }, (_, number) => chunkOf(number, number * 300));
  const tail = Array.from({ length: count }, (_, number) => chunkOf(100 + number, 21 + number, 'o'));
  let store = await open();
  for (const chunk of before) await store.put(chunk);
  await store.close();
  store = await open();
  for (const chunk of tail) await store.put(chunk);
  cpSync(live, image, { recursive: true });
  await store.close();
  const needles = needlesIn(image).slice(-count);
  t.is(needles.length, count);
  const last = needles.map((needle, at) => {
    const chunk = tail[at] as Chunk;
    const fileBytes = statSync(needle.path).size;
    return { ...needle, chunk, fileBytes, name: needle.path.slice(image.length) };
  });
  return { before, last };
}

/**
 * Copies the image, or of it the segments alone, and damages the file of the needles; says of each whether
 * it was hit, or only its padding.
 */
export function damageTail(
  image: string,
  copy: string,
  last: readonly TailNeedle[],
  damage: TailDamage & { readonly segmentsOnly?: boolean },
): (TailNeedle & { hit: boolean; padding: boolean })[] {
  rmSync(copy, { recursive: true, force: true });
  const part = damage.segmentsOnly ? 'segments' : '';
  cpSync(join(image, part), join(copy, part), { recursive: true });
  const path = join(copy, last[0]?.name ?? '');
  if (damage.how === 'cut') truncateSync(path, damage.at);
  else flipByte(path, damage.at);
  return last.map((needle) => {
    const hit =
      damage.how === 'cut' ? needle.endsAt > damage.at : isIn(damage.at, needle.offset, needle.endsAt);
    const padding = damage.at >= needle.dataAt + needle.sizeBytes;
    return { ...needle, hit, padding };
  });
}

const isIn = (at: number, from: number, to: number) => at >= from && at < to;
