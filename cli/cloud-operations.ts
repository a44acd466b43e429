// Owns the operator's commands as an open cloud carries them out: what the control socket serves, and what a
// command runs itself where no cloud is running.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { projections } from '#projections/all.ts';
import { type ReplayResult, replayProjection } from '#projections/replay.ts';
import { openLevelStore } from '#projections/store/level-store.ts';
import type { OpenCloud } from './compose.ts';
import { examine } from './doctor.ts';
import type { Operations, ReportProgress } from './operations.ts';
import { ringOperations } from './ring-operations.ts';

export function cloudOperations(open: OpenCloud): Operations {
  const { accounts } = open;
  return {
    addAccount: (name, options) => accounts.addAccount(name, options),
    listAccounts: () => accounts.listAccounts(),
    removeAccount: (name) => accounts.removeAccount(name),
    createKey: (name) => accounts.createKey(name),
    revokeKey: (accessKeyId) => accounts.revokeKey(accessKeyId),
    rotateKey: (bucket) => open.keyKeeper.rotate(bucket),
    replay: (projection, report) => replay(open, projection, report),
    ...ringOperations(open),
    doctor: () => examine(open),
  };
}

/** One replay at a time: each has a store of its own, and a second one would only be slower. */
let replaying: Promise<unknown> = Promise.resolve();

function replay(
  open: OpenCloud,
  name: string,
  report: ReportProgress,
): Promise<ReplayResult | { rejected: 'no-such-projection' }> {
  const projection = projections.find((each) => each.name === name);
  if (!projection) return Promise.resolve({ rejected: 'no-such-projection' });
  const result = replaying.then(async () => {
    const directory = join(open.directory, 'replay');
    rmSync(directory, { recursive: true, force: true });
    const scratch = await openLevelStore(directory);
    try {
      const { log, runner: running } = open;
      const told = throttled(report);
      return await replayProjection({
        log,
        clock: systemClock,
        projection,
        running,
        scratch,
        onProgress: ({ events, totalEvents }) => told(events, totalEvents),
      });
    } finally {
      await scratch.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
  replaying = result.catch(() => {});
  return result;
}

const REPORTS = 1_000;

/** Reports no more often than anyone can see. */
function throttled(report: ReportProgress): (done: number, total: number) => void {
  let next = 0;
  return (done, total) => {
    if (done < next && done < total) return;
    next = done + total / REPORTS;
    report({ done, total });
  };
}
