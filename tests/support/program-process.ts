// Owns one long-running process of the built program under test: started until it says that it is ready,
// ended by its own id, and no other.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './source-files.ts';

const LAUNCHER = join(root, 'dist/launch.cjs');
const READY_WITHIN_MS = 30_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Ran extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

let built = false;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function build(): void {
  if (built) return;
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: root });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
  built = true;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'strata-'));
}

/** Runs one command of the built program to its end. */
export async function runStrata(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = started(args, environment);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  running.delete(child);
  return { code, signal, stdout, stderr };
}

function started(args: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
  build();
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  return child;
}

/** @typeParam Ready the JSON line that the program prints once it serves */
export class ProgramProcess<Ready> {
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> | undefined;
  #ready: Ready | undefined;
  #stderr = '';

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.#environment = environment;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get ready(): Ready {
    if (!this.#ready) throw new Error('the program is not ready');
    return this.#ready;
  }

  /** What the program has logged since its last start. */
  get stderr(): string {
    return this.#stderr;
  }

  /** What `kill -9` does to it; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; resolves when it has ended of its own accord. */
  async stop(): Promise<Exit> {
    this.#child?.kill('SIGTERM');
    return (await this.#exited) ?? { code: null, signal: null };
  }

  /** Resolves when the program says that it serves; may be called again after its end. */
  async start(args: readonly string[]): Promise<void> {
    const child = started(args, this.#environment);
    this.#child = child;
    this.#stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-64 * 1024);
    });
    this.#exited = once(child, 'exit').then(([code, signal]) => {
      running.delete(child);
      return { code, signal };
    });
    this.#ready = await this.#firstLine(child, this.#exited);
  }

  #firstLine(child: ChildProcess, exited: Promise<Exit>): Promise<Ready> {
    return new Promise((resolve, reject) => {
      let text = '';
      const giveUp = (why: string) => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        reject(new Error(`${why}\n${this.#stderr}`));
      };
      const timer = setTimeout(() => giveUp('the program did not become ready'), READY_WITHIN_MS);
      child.stdout?.setEncoding('utf8').on('data', (more) => {
        text += more;
        if (!text.includes('\n')) return;
        clearTimeout(timer);
        resolve(JSON.parse(text.slice(0, text.indexOf('\n'))));
      });
      exited.then(({ code, signal }) =>
        giveUp(`the program ended with ${signal ?? code} before it was ready`),
      );
    });
  }
}
