// Owns the load generator: `s3-load --endpoint URL --credentials FILE --operation put|get|list|delete --size
// BYTES
// --clients N --seconds S [--keys N]`. One JSON line on stdout. Every byte that comes back is compared.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { S3Connection, type Target } from './s3-connection.ts';

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    credentials: { type: 'string' },
    bucket: { type: 'string', default: 'bench' },
    operation: { type: 'string', default: 'put' },
    size: { type: 'string', default: '4096' },
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    keys: { type: 'string', default: '1000' },
  },
});
const endpoint = new URL(values.endpoint ?? 'http://127.0.0.1:9000');
const { accessKey, secretKey } = JSON.parse(readFileSync(values.credentials ?? '', 'utf8'));
const target: Target = { host: endpoint.hostname, port: Number(endpoint.port), accessKey, secretKey };
const bucket = `/${values.bucket}`;
const [size, clients, keys] = [Number(values.size), Number(values.clients), Number(values.keys)];

/** Contents are windows of one pool of noise, so that each key differs and none is kept. */
const SPAN = 1 << 20;
const WARM_UP_BYTES = 512 << 20;
const noise = Buffer.allocUnsafe(size + SPAN);
let state = 0x9e3779b9;
for (let at = 0; at + 4 <= noise.length; at += 4) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  noise.writeUInt32LE(state >>> 0, at);
}
const contentOf = (index: number) => {
  const offset = (Math.imul(index + 1, 2654435761) >>> 0) % SPAN;
  return noise.subarray(offset, offset + size);
};
const keyOf = (prefix: string, index: number) => `${bucket}/${prefix}-${String(index).padStart(8, '0')}`;

const prefix = `${values.operation}-${size}-${values.operation === 'get' ? 'shared' : process.pid}`;
const latenciesMs: number[] = [];
let [failures, bytes, measuring] = [0, 0, false];

async function put(connection: S3Connection, index: number): Promise<void> {
  const answer = await connection.request('PUT', keyOf(prefix, index), '', contentOf(index));
  if (answer.status !== 200) failures++;
  else if (measuring) bytes += size;
}

async function get(connection: S3Connection, index: number): Promise<void> {
  const content = contentOf(index);
  const answer = await connection.request('GET', keyOf(prefix, index), '', undefined, content);
  if (answer.status !== 200 || answer.bytes !== size || !answer.matches) failures++;
  else if (measuring) bytes += size;
}

async function remove(connection: S3Connection, index: number): Promise<void> {
  const answer = await connection.request('DELETE', keyOf(prefix, index), '');
  if (answer.status !== 204) failures++;
}

const tokens = new Map<S3Connection, string>();

async function listPage(connection: S3Connection): Promise<void> {
  const token = tokens.get(connection) ?? '';
  const resume = token && `continuation-token=${encodeURIComponent(token)}&`;
  const query = `${resume}list-type=2&max-keys=1000&prefix=${prefix}`;
  const answer = await connection.request('GET', bucket, query, undefined, undefined, true);
  const text = answer.body?.toString() ?? '';
  if (answer.status !== 200 || text.split('<Key>').length - 1 !== Math.min(1000, keys)) failures++;
  tokens.set(connection, /<NextContinuationToken>([^<]*)/.exec(text)?.[1] ?? '');
}

/** Runs `operation` on as many connections as there are clients until `next` says -1. */
async function drive(
  count: number,
  next: () => number,
  operation: (connection: S3Connection, index: number) => Promise<void>,
): Promise<void> {
  const client = async () => {
    const connection = new S3Connection(target);
    await connection.open();
    for (let index = next(); index >= 0; index = next()) {
      const startedMs = performance.now();
      await operation(connection, index);
      if (measuring) latenciesMs.push(performance.now() - startedMs);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: count }, client));
}

const upTo = (count: number) => {
  let next = 0;
  return () => (next < count ? next++ : -1);
};

const during = (seconds: number, modulo: number) => {
  const endMs = performance.now() + seconds * 1_000;
  let next = 0;
  return () => (performance.now() < endMs ? next++ % modulo : -1);
};

const first = new S3Connection(target);
await first.open();
await first.request('PUT', bucket, '');
first.close();

if (values.operation !== 'put') await drive(Math.min(clients, 32), upTo(keys), put);
const seconds = Number(values.seconds);
const loops = { put, get, list: listPage, delete: remove } as const;
const operation = loops[values.operation as keyof typeof loops];
if (!operation) throw new Error(`unknown operation ${values.operation}`);
let offset = 0;
if (values.operation === 'put') {
  // Warm-up: connections, compiled code and recycled files, as a running server has them.
  const warmUp = Math.max(clients, Math.min(clients * 4, Math.ceil(WARM_UP_BYTES / size)));
  await drive(clients, () => (offset < warmUp ? offset++ : -1), put);
}
measuring = true;
const startedMs = performance.now();
const isDelete = values.operation === 'delete';
const indices = isDelete
  ? upTo(keys)
  : during(seconds, values.operation === 'put' ? Number.MAX_SAFE_INTEGER : keys);
await drive(
  clients,
  isDelete || values.operation !== 'put'
    ? indices
    : () => {
        const index = indices();
        return index < 0 ? index : index + offset;
      },
  operation,
);
const elapsedSeconds = (performance.now() - startedMs) / 1_000;
latenciesMs.sort((a, b) => a - b);
const at = (share: number) => Number((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(2));
console.log(
  JSON.stringify({
    bench: `s3-${values.operation}`,
    sizeBytes: size,
    clients,
    perSecond: Math.round(latenciesMs.length / elapsedSeconds),
    mibPerSecond: Math.round(bytes / elapsedSeconds / 1_048_576),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failures,
  }),
);
process.exitCode = failures > 0 ? 1 : 0;
