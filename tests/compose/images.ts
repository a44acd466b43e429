// Owns the images that the compose suite runs: the usual ones where they are at hand or can be pulled, else
// stand-ins: a base of debootstrap's and this machine's Node, and a Kafka of Debian's Java and Maven
// Central's artefacts. A stand-in is named by a hash of what goes into it, so that it is built once. The
// image of Strata itself is built by the repository's own Dockerfile in any case.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runEngine } from '#tests/support/engine.ts';
import { resolveArtefacts } from '#tests/support/kafka-server.ts';
import { root } from '#tests/support/source-files.ts';

const SUITE = 'bookworm';
const USUAL_BASE = 'node:20-bookworm-slim';
const USUAL_KAFKA = 'apache/kafka:3.9.1';
const KAFKA_IMAGE = join(root, 'tests/compose/kafka-image');
const BASE_RECIPE = 2;

export interface Images {
  readonly strata: string;
  readonly kafka: string;
  /** How they were had, a sentence each. */
  readonly origins: readonly string[];
}

interface Image {
  readonly name: string;
  readonly origin: string;
}

/** Takes minutes the first time, seconds from then on. */
export async function obtainImages(): Promise<Images> {
  const base = await obtainBase();
  const strata = 'strata-test';
  await build(strata, root, base.name);
  const kafka = await obtainKafka(base.name);
  return { strata, kafka: kafka.name, origins: [base.origin, kafka.origin] };
}

/** Whether it is here, or can be had from a registry. */
export async function canHave(image: string): Promise<boolean> {
  return (await isHere(image)) || (await succeeds('docker', ['pull', '--quiet', image]));
}

function isHere(image: string): Promise<boolean> {
  return succeeds('docker', ['image', 'inspect', image]);
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await runEngine(program, args, process.env);
    return true;
  } catch {
    return false;
  }
}

/** On the host's network, since it is npm's and Debian's packages that a build fetches. */
async function build(name: string, directory: string, base: string): Promise<void> {
  const args = ['build', '--quiet', '--network', 'host', '--build-arg', `BASE_IMAGE=${base}`];
  await runEngine('docker', [...args, '--tag', name, directory], process.env);
}

async function obtainBase(): Promise<Image> {
  const wanted = process.env.STRATA_BASE_IMAGE ?? USUAL_BASE;
  if (await canHave(wanted)) return { name: wanted, origin: `the base image is ${wanted}` };
  const node = realpathSync(process.execPath);
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? '';
  const registry = (await runEngine('npm', ['config', 'get', 'registry'], process.env)).trim();
  const trusted = certificates === '' ? '' : readFileSync(certificates);
  const hash = hashOf([String(BASE_RECIPE), SUITE, readFileSync(node), trusted, registry]);
  const name = `strata-test-base:${hash}`;
  const origin = `the base image is made by debootstrap of ${SUITE}, with Node ${process.version} of here`;
  if (await isHere(name)) return { name, origin };
  const directory = mkdtempSync(join(tmpdir(), 'strata-base-'));
  try {
    await asRoot('debootstrap', ['--variant=minbase', '--include=ca-certificates', SUITE, directory]);
    await asRoot('cp', [node, join(directory, 'usr/local/bin/node')]);
    await asRoot('cp', ['-r', npmOf(node), join(directory, 'usr/local/lib/npm')]);
    await asRoot('ln', ['-s', '../lib/npm/bin/npm-cli.js', join(directory, 'usr/local/bin/npm')]);
    const settings = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
    settings.push(`npm_config_registry=${registry}`);
    if (certificates !== '') {
      const inside = '/usr/local/share/trusted-here.crt';
      await asRoot('cp', [certificates, join(directory, inside)]);
      settings.push(`NODE_EXTRA_CA_CERTS=${inside}`);
    }
    const changes = settings.flatMap((setting) => ['--change', `ENV ${setting}`]);
    await importTree(directory, name, changes);
  } finally {
    await asRoot('rm', ['-rf', '--one-file-system', directory]);
  }
  return { name, origin };
}

/** What debootstrap fetched and its caches are of no use in an image. */
async function importTree(directory: string, name: string, changes: readonly string[]): Promise<void> {
  const script =
    'set -o pipefail; tree=$1; shift; ' +
    'tar -C "$tree" --exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/* -c . | docker import "$@"';
  await asRoot('bash', ['-c', script, 'import', directory, ...changes, '-', name]);
}

function npmOf(node: string): string {
  const npm = join(dirname(node), '../lib/node_modules/npm');
  if (!existsSync(npm)) throw new Error(`no base image: there is no npm beside ${node}`);
  return npm;
}

async function obtainKafka(base: string): Promise<Image> {
  const wanted = process.env.KAFKA_IMAGE ?? USUAL_KAFKA;
  if (await canHave(wanted)) return { name: wanted, origin: `Kafka is ${wanted}` };
  const jars = await resolveArtefacts();
  const parts = ['Dockerfile', 'run.sh'].map((file) => readFileSync(join(KAFKA_IMAGE, file)));
  const name = `strata-test-kafka:${hashOf([base, jars, ...parts])}`;
  const origin = 'Kafka is made of its artefacts from Maven Central and Java of Debian';
  if (await isHere(name)) return { name, origin };
  const directory = mkdtempSync(join(tmpdir(), 'strata-kafka-image-'));
  try {
    cpSync(KAFKA_IMAGE, directory, { recursive: true });
    mkdirSync(join(directory, 'libs'));
    cpSync(jars, join(directory, 'libs'), { recursive: true, filter: (path) => !path.endsWith('.xml') });
    await build(name, directory, base);
  } finally {
    await asRoot('rm', ['-rf', '--one-file-system', directory]);
  }
  return { name, origin };
}

async function asRoot(program: string, args: readonly string[]): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await runEngine(program, args, process.env);
  else await runEngine('sudo', ['-n', '--preserve-env', program, ...args], process.env);
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}
