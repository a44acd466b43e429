// Owns what the tests against other people's programs share: running such a program, and trees of files with
// odd names that are compared by hash.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Random, seededRandom } from '#core/kernel/random.ts';
import { contentOf } from './contents.ts';

const TREE_FILES = 500;
export const LARGE_BYTES = 300 * 1024 * 1024;

const run = promisify(execFile);

/**
 * Resolves to what the program said on stdout. @throws Error with all that it said, unless it ended with 0.
 */
export async function runEngine(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<string> {
  const env = { ...withoutSettings(process.env), ...environment };
  try {
    const { stdout } = await run(program, args, { env, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    throw new Error(
      `${program} ${args.join(' ')}: ${code}\n${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`,
    );
  }
}

/**
 * The environment without what would lead a client elsewhere: keys, proxies and certificates of this machine.
 */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const led = /^(AWS|RCLONE|RESTIC|S3|OS)_|_proxy$/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !led.test(name)));
}

/** What a name may be made of; each file system and each client takes them all. */
const ODD_PARTS = [
  'plain',
  'with space',
  ' leading space',
  'plus+plus',
  'per%cent',
  '%41%2F',
  "apo'strophe",
  'double"quote',
  'ünïcödé',
  'e\u0301-decomposed',
  '日本語',
  'ключ',
  '😀',
  '.hidden',
  '..two-dots',
  'amp&ersand',
  'less<more>',
  'semi;colon',
  'equals=at@',
  'comma,dollar$',
  'brackets[x]{y}',
  'hash#tag',
  'question?mark',
  'tilde~caret^',
  'back`tick',
  'pipe|star*',
  'UPPER.Case.EXT',
  '-dash',
];

/** With which the AWS CLI speaks for that account, whatever this machine is set up for. */
export const awsEnvironment = (keys: { readonly accessKey: string; readonly secretKey: string }) => ({
  AWS_ACCESS_KEY_ID: keys.accessKey,
  AWS_SECRET_ACCESS_KEY: keys.secretKey,
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/**
 * Writes a tree of 500 files: every odd part as folder and as file, deep paths, empty files, sizes up to 200
 * KB.
 */
export function makeTree(directory: string, seed = 1): void {
  const random = seededRandom(seed);
  const pick = () => ODD_PARTS[Math.floor(random.next() * ODD_PARTS.length)] ?? 'plain';
  const paths = new Set(ODD_PARTS.flatMap((part) => [part, join('folders', part, 'file')]));
  paths.add(join(...Array.from({ length: 40 }, (_, depth) => `level-${depth}`), 'deep'));
  for (let number = 0; paths.size < TREE_FILES; number++) {
    const depth = 1 + Math.floor(random.next() * 4);
    const folders = Array.from({ length: depth }, (_, level) => `${pick()}.${level}`);
    paths.add(join('tree', ...folders, `${pick()} ${number}`));
  }
  let number = 0;
  for (const path of paths) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), contentOf(seed * 1_000 + number, sizeOf(number++, random)));
  }
}

/** One in ten is empty, most are small, some have several hundred blocks. */
function sizeOf(number: number, random: Random): number {
  if (number % 10 === 3) return 0;
  return Math.floor(random.next() ** 3 * 200_000) + 1;
}

export async function makeLargeFile(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const partBytes = 4 * 1024 * 1024;
  const parts = function* () {
    for (let at = 0, part = 0; at < LARGE_BYTES; at += partBytes, part++) {
      yield contentOf(7_000_000 + part, Math.min(partBytes, LARGE_BYTES - at));
    }
  };
  await pipeline(Readable.from(parts(), { objectMode: true }), createWriteStream(path));
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Of each file below the directory its hash, by its path from there. */
export async function hashTree(directory: string): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.push([relative(directory, path), await hashOf(path)]);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
