// Owns the answer to "how many partitions lack a replica, now?", by the digests of all their homes and
// without listing a chunk. Guarantee: what is only under way, a replica that comes a moment after its
// sisters, is not counted, for whatever differs is looked at again.
//
// Bounds: one page of digests of one device at a time, and one array of digests for each device.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import { DIGEST_WORDS } from '#storage-nodes/chunks/digest-table.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeOf } from '#storage-nodes/client/device-port.ts';
import { homesOf } from './homes.ts';

export interface ReplicaSurvey {
  /** Partitions of which fewer devices say what they hold than there should be replicas. */
  readonly lacking: number;
  /** Of the others: partitions whose homes do not hold the same chunks. */
  readonly differing: number;
}

export interface SurveyOptions {
  readonly ring: Ring;
  readonly node: NodeOf;
  readonly clock: Clock;
  isGone(device: Device): boolean;
}

const LOOKS = 3;

export async function surveyReplicas(options: SurveyOptions): Promise<ReplicaSurvey> {
  const { ring, clock } = options;
  if (ring.devices.length === 0) return { lacking: 0, differing: 0 };
  let partitions: readonly number[] = Array.from({ length: 2 ** ring.partitionPower }, (_, i) => i);
  for (let look = 1; ; look++) {
    const { lacking, differing } = await lookAt(partitions, options);
    const isLast = look === LOOKS;
    if (isLast || lacking.length + differing.length === 0)
      return { lacking: lacking.length, differing: differing.length };
    partitions = [...lacking, ...differing];
    await clock.sleep(limits.replicaSurveyPauseMs);
  }
}

interface Look {
  readonly lacking: readonly number[];
  readonly differing: readonly number[];
}

async function lookAt(partitions: readonly number[], options: SurveyOptions): Promise<Look> {
  const { ring, isGone } = options;
  const asked = new Map<Device, number[]>();
  const places = partitions.map((partition) =>
    homesOf(ring, partition, isGone).map((device) => {
      const of = asked.get(device) ?? [];
      asked.set(device, of);
      return { device, index: of.push(partition) - 1 };
    }),
  );
  const digests = new Map<Device, Uint32Array | undefined>();
  await Promise.all(
    [...asked].map(async ([device, of]) => digests.set(device, await digestsOf(device, of, options))),
  );
  const wanted = Math.min(ring.replicas, ring.devices.length);
  const lacking: number[] = [];
  const differing: number[] = [];
  for (const [i, homes] of places.entries()) {
    const found = homes.flatMap(({ device, index }) => {
      const words = digests.get(device);
      return words ? [words.subarray(DIGEST_WORDS * index, DIGEST_WORDS * (index + 1))] : [];
    });
    const [first] = found;
    if (found.length < wanted) lacking.push(partitions[i] as number);
    else if (found.some((words) => words.some((word, at) => word !== first?.[at])))
      differing.push(partitions[i] as number);
  }
  return { lacking, differing };
}

/** Undefined where the device does not say. */
async function digestsOf(
  { id }: Device,
  partitions: readonly number[],
  { ring, node }: SurveyOptions,
): Promise<Uint32Array | undefined> {
  const words = new Uint32Array(DIGEST_WORDS * partitions.length);
  const page = limits.digestPartitions;
  try {
    for (let first = 0; first < partitions.length; first += page) {
      const asked = Uint32Array.from(partitions.slice(first, first + page));
      const found = await node(id)?.digests(ring.partitionPower, asked);
      if (found === undefined) return undefined;
      words.set(found, DIGEST_WORDS * first);
    }
    return words;
  } catch (error) {
    throwBug(error);
    return undefined;
  }
}
