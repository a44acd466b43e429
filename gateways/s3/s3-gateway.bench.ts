// Owns the measure of the gateway alone: requests per second, and processor time, over a cloud in
// memory and a load generator in a process of its own.

import { measuredLoad } from '#tests/support/measured-load.ts';
import { S3Server } from '#tests/support/s3-server.ts';

const RUNS = [
  ['put', 4_096],
  ['get', 4_096],
  ['get', 1_048_576],
  ['list', 16],
  ['delete', 16],
] as const;

const server = await S3Server.start();
const [key] = server.keys;
if (!key) throw new Error('the server has no account');
for (const [operation, size] of RUNS) {
  const load = { operation, size, clients: 64, seconds: 2, keys: 1_000 };
  const measured = await measuredLoad(server.endpoint, key, load);
  console.log(JSON.stringify({ ...measured, bench: `s3-gateway-${operation}` }));
}
await server.stop();
