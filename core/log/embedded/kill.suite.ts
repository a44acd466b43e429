// Owns the proof by kill -9: a child appends 64-way and tells each acknowledgement through a pipe; it is
// killed at a random moment; then every acknowledged event is there, no other was invented, and the chain
// holds.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { build, type Plugin } from 'esbuild';
import { systemClock } from '#core/kernel/clock.ts';
import { seededRandom, systemRandom } from '#core/kernel/random.ts';
import { followToTail, textOf } from '../suite/support.ts';
import { EmbeddedLog } from './embedded-log.ts';
import { verifyLog } from './verify.ts';

/** Small, so that kills meet the making of segments and of index files too. */
const SEGMENT_BYTES = 64 * 1024;
const CHILD = fileURLToPath(new URL('./kill.child.ts', import.meta.url));

export async function surviveKills(t: ExecutionContext, kills: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const script = join(directory, 'child.mjs');
  try {
    // Bundled, since plain node starts in a tenth of the time.
    await build({
      entryPoints: [CHILD],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
      plugins: [outside('@node-rs/crc32')],
    });
    const acknowledged: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      await runAndKill(script, join(directory, 'log'), kill, random.next() * 600, acknowledged);
      if (kill % 10 === 9 || kill === kills - 1) await check(t, join(directory, 'log'), acknowledged, kill);
    }
    t.true(acknowledged.length > kills * 20, `${acknowledged.length} acknowledgements`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Native code stays where it is, and is found from wherever the bundle lies. */
function outside(name: string): Plugin {
  const path = fileURLToPath(import.meta.resolve(name));
  return {
    name: 'outside',
    setup: (bundle) =>
      bundle.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path, external: true })),
  };
}

/** Kills after so many acknowledgements; the child opens what the kills before left behind. */
async function runAndKill(
  script: string,
  directory: string,
  run: number,
  afterAcknowledgements: number,
  acknowledged: string[],
): Promise<void> {
  const child = spawn(process.execPath, [script, directory, String(run), String(SEGMENT_BYTES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const before = acknowledged.length;
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) acknowledged.push(line);
    if (acknowledged.length - before >= afterAcknowledgements) child.kill('SIGKILL');
  });
  await ended(child);
}

async function ended(child: ChildProcess): Promise<void> {
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${code ?? signal}`);
}

async function check(
  t: ExecutionContext,
  directory: string,
  acknowledged: readonly string[],
  kill: number,
): Promise<void> {
  const log = await EmbeddedLog.open({
    directory,
    clock: systemClock,
    random: systemRandom,
    segmentBytes: SEGMENT_BYTES,
  });
  try {
    const events = await followToTail(log);
    const texts = events.map(textOf);
    for (const line of acknowledged) {
      const [offset, text] = line.split(' ') as [string, string];
      if (texts[Number(offset)] !== text) t.fail(`kill ${kill}: event ${offset} was acknowledged as ${text}`);
    }
    if (new Set(texts).size !== texts.length) t.fail(`kill ${kill}: an event came twice`);
    const stranger = texts.find((text) => !/^\d+-\d+-\d+$/.test(text));
    if (stranger !== undefined) t.fail(`kill ${kill}: ${stranger} was invented`);
    const perCaller = new Map<string, number>();
    for (const text of texts) {
      const [run, caller, round] = text.split('-') as [string, string, string];
      const expected = perCaller.get(`${run}-${caller}`) ?? 0;
      // A caller goes on only when it was answered, so its rounds have no gap.
      if (Number(round) !== expected) t.fail(`kill ${kill}: ${text} follows round ${expected - 1}`);
      perCaller.set(`${run}-${caller}`, expected + 1);
    }
    t.is(events.at(-1)?.position.offset, texts.length - 1);
  } finally {
    await log.close();
  }
  t.is((await verifyLog({ directory })).events, log.count);
}
