// Owns the ring of a cluster as its log has it: the fold of one short stream, and the events that make the
// first one.

import type { DevicesCommand } from '#core/devices/devices.commands.ts';
import { type DevicesState, devicesDecider } from '#core/devices/devices.decider.ts';
import { DEVICES_STREAM, devices } from '#core/devices/devices.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { EventLog } from '#core/log/event-log.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import { runCommand } from './run-command.ts';

export interface FirstDevice {
  readonly node: string;
  readonly zone: string;
}

const SYSTEM = { user: 'system', project: 'system', requestId: 'ring' } as const;
const PARTITION_POWER = 10;
const REPLICAS = 3;
const MIN_MOVE_INTERVAL_MS = 60 * 60 * 1_000;
const SEED = 1;
const WEIGHT_MILLI = 1_000;

/** The devices and the ring in force; where there is no ring yet, one with these devices is made first. */
export async function obtainRing(
  log: EventLog,
  clock: Clock,
  firstDevices: readonly FirstDevice[],
): Promise<{ readonly ring: Ring; readonly devices: readonly Device[] }> {
  let { state, revision } = await foldDevices(log);
  const run = async (command: DevicesCommand) => {
    const outcome = await runCommand(log, {
      decider: devicesDecider,
      lifecycle: devices,
      stream: DEVICES_STREAM,
      command,
      actor: SYSTEM,
      view: () => ({ state, expect: revision }),
      refresh: async () => {
        ({ state, revision } = await foldDevices(log));
      },
    });
    if (outcome && 'rejected' in outcome)
      throw new Fault('closed', `no ring can be made: ${outcome.rejected}`);
    ({ state, revision } = await foldDevices(log));
  };
  // Each step is looked at anew, so that a crash between two of them is made good by the next start.
  if (!state.shape) {
    await run({
      type: 'CreateRing',
      partitionPower: PARTITION_POWER,
      replicas: REPLICAS,
      minMoveIntervalMs: MIN_MOVE_INTERVAL_MS,
      seed: SEED,
    });
  }
  if (!state.ring) {
    for (const { node, zone } of firstDevices) {
      if (state.devices.some((device) => device.node === node)) continue;
      await run({ type: 'AddDevice', node, zone, weightMilli: WEIGHT_MILLI });
    }
    await run({ type: 'Rebalance', nowMs: clock.nowMs() });
  }
  assert(state.ring, 'a rebalance gives a ring');
  return { ring: state.ring, devices: state.devices };
}

async function foldDevices(log: EventLog): Promise<{ state: DevicesState; revision: number | 'none' }> {
  let state = devicesDecider.initial;
  let revision: number | 'none' = 'none';
  for await (const recorded of log.read(DEVICES_STREAM)) {
    const { type, payload, stream, timeMs } = recorded;
    revision = recorded.revision;
    state = devicesDecider.evolve(state, devices.decode(type, payload), { stream, revision, timeMs });
  }
  return { state, revision };
}
