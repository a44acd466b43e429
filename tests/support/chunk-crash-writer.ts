// Owns the process that a crash test kills: it puts, deletes and compacts in a chunk store as fast as it
// can, and writes into a journal, which outlives it, what it is about to do and what was acknowledged.
// Lines: "put N SIZE", "delete N" before the call; "+put N", "+delete N" after it. A dot on standard output
// each hundred lines tells how far it is.

import { openSync, writeSync } from 'node:fs';
import { systemClock } from '#core/kernel/clock.ts';
import { MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { chunkOf, idOf } from '#storage-nodes/chunks/suite/suite-support.ts';

const [directory = '', journalPath = '', first = '0'] = process.argv.slice(2);
const LANES = 32;
const SIZES = [10, 500, 4096, 9000, 70_000, 300_000];

const journal = openSync(journalPath, 'a');
let lines = 0;

function say(line: string): void {
  writeSync(journal, `${line}\n`);
  lines += 1;
  if (lines % 100 === 0) process.stdout.write('.');
}

const store = await DiskChunkStore.open({
  directory,
  clock: systemClock,
  random: systemRandom,
  segmentBytes: 4 * MIB,
});
let number = Number(first);
let ended = false;

async function lane(): Promise<void> {
  const mine: number[] = [];
  while (!ended) {
    const next = number++;
    const size = SIZES[Math.floor(systemRandom.next() * SIZES.length)] ?? 1;
    say(`put ${next} ${size}`);
    await store.put(chunkOf(next, size));
    say(`+put ${next}`);
    mine.push(next);
    if (mine.length < 4) continue;
    const gone = mine.splice(Math.floor(systemRandom.next() * mine.length), 1)[0] ?? 0;
    say(`delete ${gone}`);
    await store.delete(idOf(gone));
    say(`+delete ${gone}`);
  }
}

async function compacting(): Promise<void> {
  while (!ended) {
    await store.compact(1);
    await systemClock.sleep(5);
  }
}

process.stdin.on('end', () => {
  ended = true;
});
process.stdin.resume();
await Promise.all([...Array.from({ length: LANES }, lane), compacting()]);
await store.close();
