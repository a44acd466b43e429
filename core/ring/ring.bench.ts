// Measures the ring: look-ups a second, and how long a plan takes.

import { systemRandom } from '#core/kernel/random.ts';
import { partitionOf } from './partition.ts';
import { rebalance } from './ring-builder.ts';

const LOOK_UPS = 20_000_000;

function ringOf(partitionPower: number, deviceCount: number) {
  const devices = Array.from({ length: deviceCount }, (_, id) => ({
    id,
    node: `node-${id}`,
    zone: `zone-${id % 3}`,
    weight: 1 + (id % 4),
  }));
  const shape = { partitionPower, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
  const startedMs = performance.now();
  const { ring, balancePercent } = rebalance({ shape, devices, nowMs: 0 });
  const elapsedMs = Math.round(performance.now() - startedMs);
  const line = { bench: 'ring-build', partitionPower, devices: deviceCount, elapsedMs, balancePercent };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return ring;
}

ringOf(10, 3);
ringOf(18, 100);
const ring = ringOf(14, 60);
const ids = Array.from({ length: 4096 }, () => systemRandom.fill(new Uint8Array(20)));
let found = 0;
for (let round = 0; round < 2; round++) {
  const startedMs = performance.now();
  for (let i = 0; i < LOOK_UPS; i++) {
    const id = ids[i & 4095] as Uint8Array;
    found += ring.primaries(partitionOf(id, ring.partitionPower)).length;
  }
  const perSecond = Math.round((LOOK_UPS / (performance.now() - startedMs)) * 1000);
  if (round === 1) process.stdout.write(`${JSON.stringify({ bench: 'ring-look-up', perSecond, found })}\n`);
}
