// Owns the real program under test: the built one, in a process of its own, on a temporary data directory and
// free ports. Ends the processes that it started, each by its own id, and no others.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { root } from './source-files.ts';

const LAUNCHER = join(root, 'dist/launch.cjs');
const READY_WITHIN_MS = 30_000;

/** What `up --json` says. */
interface ReadyLine {
  readonly ready: true;
  readonly endpoints: { readonly s3: string; readonly admin: string };
  readonly credentialsFile: string;
}

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
  build();
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  running.delete(child);
  return { code, signal, stdout, stderr };
}

export interface StartOptions {
  /** Default: a new temporary directory, removed by `remove`. */
  readonly data?: string;
  readonly args?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

export class StrataProcess {
  readonly data: string;
  readonly #options: StartOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> | undefined;
  #ready: ReadyLine | undefined;
  #stderr = '';

  private constructor(options: StartOptions) {
    this.#options = options;
    this.data = options.data ?? temporaryDirectory();
  }

  /** Resolves when the program says that it serves. */
  static async start(options: StartOptions = {}): Promise<StrataProcess> {
    const strata = new StrataProcess(options);
    await strata.#start(['--s3-port', '0', '--admin-port', '0']);
    return strata;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get endpoint(): string {
    return this.#readyLine.endpoints.s3;
  }

  get adminEndpoint(): string {
    return this.#readyLine.endpoints.admin;
  }

  get credentialsFile(): string {
    return this.#readyLine.credentialsFile;
  }

  get credentials(): { accessKey: string; secretKey: string; adminPassword: string } {
    return JSON.parse(readFileSync(this.credentialsFile, 'utf8'));
  }

  /** What the program has logged since its last start. */
  get stderr(): string {
    return this.#stderr;
  }

  /** @param credentials the administrator's unless given. */
  client(
    credentials?: { accessKeyId: string; secretAccessKey: string },
    more: S3ClientConfig = {},
  ): S3Client {
    const { accessKey, secretKey } = this.credentials;
    return new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: credentials ?? { accessKeyId: accessKey, secretAccessKey: secretKey },
      ...more,
    });
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

  /** Starts it again after `kill` or `stop`, on the same data and the same ports. */
  async restart(): Promise<void> {
    const port = (endpoint: string) => new URL(endpoint).port;
    await this.#start(['--s3-port', port(this.endpoint), '--admin-port', port(this.adminEndpoint)]);
  }

  /** Ends it, if it still runs, and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  get #readyLine(): ReadyLine {
    if (!this.#ready) throw new Error('the program is not ready');
    return this.#ready;
  }

  async #start(ports: readonly string[]): Promise<void> {
    build();
    const args = ['up', '--json', '--data', this.data, ...ports, ...(this.#options.args ?? [])];
    const child = spawn(process.execPath, [LAUNCHER, ...args], {
      env: { ...process.env, ...this.#options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#stderr = '';
    running.add(child);
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-64 * 1024);
    });
    this.#exited = once(child, 'exit').then(([code, signal]) => {
      running.delete(child);
      return { code, signal };
    });
    this.#ready = await this.#firstLine(child, this.#exited);
  }

  #firstLine(child: ChildProcess, exited: Promise<Exit>): Promise<ReadyLine> {
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
