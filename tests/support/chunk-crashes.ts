// Owns killing a process in the middle of puts, deletes and compaction, and judging what it leaves.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { chunkOf, idOf } from '#storage-nodes/chunks/suite/suite-support.ts';

const WRITER = fileURLToPath(new URL('./chunk-crash-writer.ts', import.meta.url));

interface Known {
  sizeBytes: number;
  state: 'putting' | 'there' | 'deleting' | 'gone';
}

/** What is known of each chunk, by its number. */
class CrashHistory {
  readonly #known = new Map<number, Known>();
  #last = 0;

  get next(): number {
    return this.#last + 1;
  }

  get acknowledged(): number {
    return [...this.#known.values()].filter(({ state }) => state !== 'putting').length;
  }

  read(line: string): void {
    const [what, number = '', size = ''] = line.split(' ');
    const key = Number(number);
    this.#last = Math.max(this.#last, key);
    const known = this.#known.get(key);
    if (what === 'put') this.#known.set(key, { sizeBytes: Number(size), state: 'putting' });
    else if (known === undefined) return;
    else if (what === '+put') known.state = 'there';
    else if (what === 'delete') known.state = 'deleting';
    else if (what === '+delete') known.state = 'gone';
  }

  /** Judges the store, and takes what it finds of the uncertain ones as their state from now on. */
  async judge(t: ExecutionContext, store: ChunkStore): Promise<void> {
    let there = 0;
    for (const [number, known] of this.#known) {
      const found = await store.read(idOf(number), 0, known.sizeBytes).catch((error) => {
        t.true(isFault(error, 'chunk-missing'), `chunk ${number}: ${error}`);
        return undefined;
      });
      if (known.state === 'there') t.truthy(found, `chunk ${number} was acknowledged and is lost`);
      if (known.state === 'gone') t.falsy(found, `chunk ${number} was deleted and is back`);
      if (found !== undefined) {
        there += 1;
        const { data } = chunkOf(number, known.sizeBytes);
        t.true(Buffer.from(data).equals(found), `chunk ${number} has other bytes than were put`);
      }
      known.state = found === undefined ? 'gone' : 'there';
    }
    t.is(store.status().chunks, there);
  }
}

/** One life of the writer, ended by SIGKILL after about `afterLines` lines of its journal. */
async function crashOnce(directory: string, history: CrashHistory, afterLines: number): Promise<void> {
  const journal = join(directory, 'journal');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', WRITER, directory, journal, String(history.next)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let lines = 0;
  child.stdout.on('data', (dots: Buffer) => {
    lines += 100 * dots.length;
    if (lines >= afterLines) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error('the writer ended before it was killed');
  for (const line of readFileSync(journal, 'utf8').split('\n')) history.read(line);
  rmSync(journal);
}

/** Crashes again and again on one directory and judges each time. */
export async function crashAndJudge(
  t: ExecutionContext,
  directory: string,
  options: { readonly rounds: number; readonly linesMax: number },
): Promise<void> {
  const history = new CrashHistory();
  for (let round = 0; round < options.rounds; round++) {
    await crashOnce(directory, history, 1 + Math.floor(systemRandom.next() * options.linesMax));
    const store = await DiskChunkStore.open({ directory, clock: systemClock, random: systemRandom });
    await history.judge(t, store);
    await store.close();
  }
  t.true(history.acknowledged > options.rounds, 'the crashes came after something was acknowledged');
}
