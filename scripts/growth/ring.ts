// Measures how the cost of the ring grows with devices and partitions: `tsx scripts/growth/ring.ts`. To plan
// one, to take in a device more, its bytes, and to look up a partition's devices and the first that stands
// in for one of them. One JSON line each.

import { rebalance } from '#core/ring/ring-builder.ts';

const ZONES = 3;

/** A ring of so many devices, then one device more. */
function measureRing(partitionPower: number, devices: number): void {
  const placed = Array.from({ length: devices + 1 }, (_, id) => ({
    ...{ id, node: `node-${id}`, zone: `zone-${id % ZONES}`, weight: 1 },
  }));
  const shape = { partitionPower, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
  const timed = <Value>(work: () => Value): readonly [Value, number] => {
    const before = process.cpuUsage();
    const value = work();
    const { user, system } = process.cpuUsage(before);
    return [value, (user + system) / 1_000];
  };
  const few = placed.slice(0, devices);
  const [first, buildMs] = timed(() => rebalance({ shape, devices: few, nowMs: 0 }));
  const [next, addMs] = timed(() => rebalance({ shape, devices: placed, previous: first.ring, nowMs: 1 }));
  const partitions = 2 ** partitionPower;
  const lookUps = 2_000_000;
  let found = 0;
  const look = () => {
    for (let i = 0; i < lookUps; i++) found += next.ring.primaries((i * 40_503) & (partitions - 1)).length;
  };
  look();
  const [, lookMs] = timed(look);
  const handoffs = 10_000;
  const [, handoffMs] = timed(() => {
    for (let i = 0; i < handoffs; i++)
      for (const { id } of next.ring.handoffs((i * 40_503) & (partitions - 1))) {
        found += id;
        break;
      }
  });
  console.log(
    JSON.stringify({
      ...{ growth: 'ring', partitions, devices, bytes: next.ring.encode().length },
      ...{ buildMs: Math.round(buildMs), addMs: Math.round(addMs), moved: next.moved },
      ...{ imbalancePercent: Number(next.balancePercent.toFixed(1)) },
      lookUpNanos: Number(((lookMs * 1e6) / lookUps).toFixed(1)),
      handoffMicros: Number(((handoffMs * 1_000) / handoffs).toFixed(2)),
      ...(found === 0 && { found }),
    }),
  );
}

for (const [power, devices] of [
  [10, 3],
  [10, 12],
  [10, 100],
  [14, 100],
  [18, 100],
  [18, 1_000],
  [18, 3_000],
] as const) {
  measureRing(power, devices);
}
