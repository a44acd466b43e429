// Owns wrong frames: what a broken or hostile other side may send in place of a right one. Half of them carry
// a checksum that fits, so that they get past it and are judged by what they say.

import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { HEADER_BYTES } from '#storage-nodes/wire/frame.ts';
import { frameOf, seal } from './wire-frames.ts';

const pick = (random: Random, below: number) => Math.floor(random.next() * below);

/** Frames of every kind and none, with fields that mean nothing, or too much. */
function strangeFrame(random: Random): Buffer {
  const fields = random.fill(Buffer.alloc(pick(random, random.next() < 0.1 ? limits.wireFieldsBytes : 80)));
  const dataBytes = random.next() < 0.5 ? 0 : pick(random, random.next() < 0.1 ? 2 ** 32 : 2_000);
  const frame = frameOf(pick(random, 10), pick(random, 12), pick(random, 5), fields, dataBytes);
  return Buffer.concat([frame, Buffer.alloc(Math.min(dataBytes, 3_000), 7)]);
}

/** What is sent in place of `right`, a frame that would be in order. */
export function mutated(right: Buffer, random: Random): Buffer {
  const frame = Buffer.from(right);
  const change = random.next();
  if (change < 0.3) {
    for (let flips = 1 + pick(random, 4); flips > 0; flips--) {
      const at = pick(random, Math.min(frame.length, 200));
      frame[at] = (frame[at] as number) ^ (1 << pick(random, 8));
    }
    return random.next() < 0.5 ? seal(frame) : frame;
  }
  if (change < 0.4) return frame.subarray(0, pick(random, frame.length));
  if (change < 0.5) {
    frame[pick(random, HEADER_BYTES)] = pick(random, 256);
    return seal(frame);
  }
  if (change < 0.6) return Buffer.concat([frame, frame]);
  if (change < 0.7) return random.fill(Buffer.alloc(1 + pick(random, 300)));
  return strangeFrame(random);
}
