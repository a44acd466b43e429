// Owns the embedded log on a disk in memory, without a lock, for tests that look at or damage its files.

import { ManualClock } from '#core/kernel/clock.ts';
import type { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';

export const LOG_DIRECTORY = '/log';

export function openLogOn(
  disk: MemoryDisk,
  segmentBytes: number,
  seed: number,
  clock = new ManualClock(),
): Promise<EmbeddedLog> {
  const random = seededRandom(seed);
  const lock = () => ({ release: () => {} });
  return EmbeddedLog.open({ directory: LOG_DIRECTORY, clock, random, disk, segmentBytes, lock });
}
