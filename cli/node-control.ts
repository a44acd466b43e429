// Owns what a storage node tells and does over node control: its status, a pass of a daemon, and gRPC's own
// health check.

import type { Clock } from '#core/kernel/clock.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { healthService, nodeService, type ServedService } from './control-grpc.ts';
import type { NodeStatus, RunOnceProgress } from './control-messages.ts';
import { deviceStatus } from './device-daemons.ts';
import { CommandFailed } from './failure.ts';
import type { NodeDaemons } from './node-daemons.ts';
import { programVersion } from './program-version.ts';

export interface NodeControlParts {
  readonly node: string;
  readonly zone: string;
  readonly clock: Clock;
  ring(): Ring;
  /** By device id. */
  readonly stores: ReadonlyMap<number, ChunkStore>;
  readonly daemons: NodeDaemons;
}

export function nodeStatus(parts: NodeControlParts): NodeStatus {
  const { node, zone, clock, stores, daemons } = parts;
  return {
    ...{ node, zone, version: programVersion(), nowMs: clock.nowMs(), ringVersion: parts.ring().version },
    devices: [...stores].map(([device, store]) => deviceStatus(device, store)),
    daemons: daemons.status(),
  };
}

/** @param parts Undefined while the node has not joined: it is there, but does not serve. */
export function serveNodeControl(parts: () => NodeControlParts | undefined): ServedService[] {
  const joined = () => {
    const found = parts();
    if (!found) throw new CommandFailed('The node has not joined the cluster yet.');
    return found;
  };
  return [
    {
      service: nodeService,
      handlers: {
        Status: { once: async () => nodeStatus(joined()) },
        RunOnce: { stream: (request: { daemon: string }) => runOnce(joined().daemons, request.daemon) },
      },
    },
    {
      service: healthService,
      unsigned: true,
      handlers: { Check: { once: async () => ({ status: parts() ? 'SERVING' : 'NOT_SERVING' }) } },
    },
  ];
}

/** Tells of progress when somebody listens, and the last of it always. */
async function* runOnce(daemons: NodeDaemons, daemon: string): AsyncGenerator<RunOnceProgress> {
  let latest = { done: 0, total: 0 };
  let isNews = false;
  let wake = () => {};
  const pass = daemons.runOnce(daemon, (progress) => {
    latest = progress;
    isNews = true;
    wake();
  });
  if (!pass) throw new CommandFailed(`There is no daemon ${daemon}.`);
  let ended = false;
  const end = pass.finally(() => {
    ended = true;
    wake();
  });
  end.catch(() => {});
  while (!ended) {
    if (isNews) {
      isNews = false;
      yield { ...latest, report: '' };
      continue;
    }
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  yield { ...latest, report: JSON.stringify((await end) ?? null) };
}
