// Owns the proof that the parts of a cluster speak mutual TLS by the certificates that docs/OPERATIONS.md
// tells how to make, and that a part without one, or with another authority's, does not get in.

import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { ProgramProcess, temporaryDirectory } from '#tests/support/program-process.ts';
import { root } from '#tests/support/source-files.ts';

/** The documented commands, for parts that are reached at 127.0.0.1. */
function commands(): string {
  const page = readFileSync(join(root, 'docs/OPERATIONS.md'), 'utf8');
  const [block] = /^ {4}openssl req -x509[\s\S]*?chmod 600.*$/m.exec(page) ?? [];
  if (!block) throw new Error('OPERATIONS.md no longer says how certificates are made');
  return block.replaceAll('DNS:$part', 'DNS:$part,IP:127.0.0.1');
}

/** An authority and certificates of all parts, in a new directory of this name. */
function makeCertificates(directory: string): string {
  mkdirSync(directory);
  execFileSync('sh', ['-euc', commands()], { cwd: directory, stdio: 'pipe' });
  return directory;
}

const access = (directory: string, part: string, authority = join(directory, 'ca.crt')) => [
  ...['--tls-cert', join(directory, `${part}.crt`), '--tls-key', join(directory, `${part}.key`)],
  ...['--tls-ca', authority],
];

const OVER_TCP = ['--listen', '127.0.0.1:0'];

test('a cluster over mutual TLS serves, and takes in no part that it cannot know', async (t) => {
  const directory = temporaryDirectory();
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const ours = makeCertificates(join(directory, 'ours'));
  const renewed = makeCertificates(join(directory, 'renewed'));
  const stranger = makeCertificates(join(directory, 'stranger'));
  // While the authority is changed, both count.
  appendFileSync(join(ours, 'ca.crt'), readFileSync(join(renewed, 'ca.crt')));
  const both = join(ours, 'ca.crt');
  const cluster = await ClusterProcesses.start({
    more: (part) =>
      part.startsWith('node') ? [...access(ours, part), ...OVER_TCP] : access(renewed, part, both),
  });
  t.teardown(() => cluster.remove());
  const s3 = cluster.client();
  await s3.send(new CreateBucketCommand({ Bucket: 'sealed' }));
  for (const size of [10, 100_000, 3_000_000]) {
    const body = contentOf(size, size);
    await s3.send(new PutObjectCommand({ Bucket: 'sealed', Key: `${size}`, Body: body }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'sealed', Key: `${size}` }));
    t.is(md5((await Body?.transformToByteArray()) ?? new Uint8Array()), md5(body));
  }
  const well = await cluster.run(['doctor']);
  t.is(well.code, 0, well.stdout);

  const [wire = ''] = cluster.nodes.map((node) => node.ready.endpoints.wire.slice('tcp:'.length));
  t.regex(await spokenTo(wire, { ca: readFileSync(both) }), /certificate required|ECONNRESET|EPIPE/);

  // Neither does a gateway answer one that speaks no TLS, or whose authority it does not know.
  const node = cluster.nodeArguments(5, 'node-6', 'zone-6');
  const plain = node.slice(0, node.indexOf('--tls-cert'));
  const foreign = [...plain, ...access(stranger, 'node-3', both), ...OVER_TCP];
  for (const args of [plain, foreign]) await triesInVain(args);
  t.is(JSON.parse((await cluster.run(['node', 'list', '--json'])).stdout).length, 3);
});

/** What a client with these credentials is told before it could say anything. */
function spokenTo(address: string, credentials: ConnectionOptions): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), ...credentials });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
    socket.once('close', () => resolve('closed'));
    socket.once('data', () => resolve('answered'));
    socket.resume();
  });
}

/** Resolves when a node has been refused twice; it would go on trying. */
async function triesInVain(args: readonly string[]): Promise<void> {
  const process = new ProgramProcess<never>({ STRATA_LOG_LEVEL: 'info' });
  const ended = process.start(args).then(
    () => 'joined',
    () => 'ended',
  );
  while (process.stderr.split('no gateway answers yet').length < 3) {
    const outcome = await Promise.race([ended, systemClock.sleep(50)]);
    if (outcome) throw new Error(`it ${outcome}: ${process.stderr}`);
  }
  await process.kill();
  await ended;
}
