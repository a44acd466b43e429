// Measures a pass of the lifecycle keeper over 500,000 keys of which none is due, over LevelDB: from disk,
// and again with what listings keep in memory.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { createObjectsByKey } from '#projections/objects-by-key/objects-by-key.query.ts';
import { openObjectTable } from '#tests/support/object-rows.ts';
import type { ServiceContext } from './context.ts';
import { LifecycleKeeper } from './lifecycle-keeper.ts';
import { LIFECYCLE_PROPERTY, type LifecycleRule } from './lifecycle-rules.ts';

const KEYS = 500_000;
const RULES: readonly LifecycleRule[] = [
  { id: 'never', isEnabled: true, expiresDays: 100_000 },
  { id: 'other', isEnabled: true, prefix: 'other/', expiresAtMs: 0 },
];

const bucket = {
  ...{ id: 'photos', name: 'photos', owner: 'o', region: 'r', createdMs: Number.NEGATIVE_INFINITY },
  ...{ status: 'open', revision: 1, writesSince: 1 },
  properties: { [LIFECYCLE_PROPERTY]: JSON.stringify(RULES) },
} as const;

const buckets = {
  get: () => bucket,
  having: async (_property: string, after: string) => (after === '' ? [bucket] : []),
};

const root = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  const keyOf = (number: number) => `all/image-${String(number).padStart(8, '0')}.jpg`;
  const { table, store } = await openObjectTable(root, KEYS, keyOf);
  const objects = createObjectsByKey(table, 1_024 * 1_048_576);
  // All that a pass asks where nothing is due.
  const context = { objects, buckets } as unknown as ServiceContext;
  const keeper = new LifecycleKeeper(context, systemClock);
  for (const from of ['disk', 'memory']) {
    const startMs = systemClock.monotonicMs();
    const startCpu = process.cpuUsage();
    const { scanned } = await keeper.runOnce();
    const { user, system } = process.cpuUsage(startCpu);
    const perSecond = Math.round((scanned * 1_000) / (systemClock.monotonicMs() - startMs));
    const cpuMs = Math.round((user + system) / 1_000);
    console.log(JSON.stringify({ bench: 'lifecycle-scan', from, scanned, perSecond, cpuMs }));
  }
  await store.close();
} finally {
  rmSync(root, { recursive: true, force: true });
}
