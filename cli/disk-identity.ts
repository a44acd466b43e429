// Owns what a node's data directory remembers of itself: which disk it is, and of which cluster, node and
// device. Guarantee: a directory that was mounted in the wrong place is noticed before a byte is served.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isId, newId } from '#core/kernel/ids.ts';
import type { Random } from '#core/kernel/random.ts';
import { CommandFailed } from './failure.ts';
import { writeDurably } from './write-durably.ts';

export interface DiskIdentity {
  /** 32 hexadecimal digits. */
  readonly disk: string;
  readonly node: string;
  /** Both undefined until the node has joined a cluster with it. */
  readonly cluster?: string;
  readonly device?: number;
}

const FILE = 'disk.json';

/**
 * What the directory is, made where it is new; durable before it is told to anybody.
 * @throws CommandFailed when it belongs to another node.
 */
export function obtainDiskIdentity(directory: string, node: string, random: Random): DiskIdentity {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const known = readIdentity(join(directory, FILE));
  if (known && known.node !== node) {
    throw new CommandFailed(`${directory} belongs to node ${known.node}, not to ${node}.`);
  }
  if (known) return known;
  const made = { disk: newId(random), node };
  writeIdentity(directory, made);
  return made;
}

/** @throws CommandFailed when the directory is another device, or one of another cluster. */
export function confirmDiskIdentity(
  directory: string,
  known: DiskIdentity,
  cluster: string,
  device: number,
): void {
  const sameCluster = known.cluster === undefined || known.cluster === cluster;
  const sameDevice = known.device === undefined || known.device === device;
  if (!sameCluster || !sameDevice) {
    throw new CommandFailed(
      `${directory} is device ${known.device} of cluster ${known.cluster}, ` +
        `but cluster ${cluster} takes it for device ${device}.`,
    );
  }
  if (known.device === undefined) writeIdentity(directory, { ...known, cluster, device });
}

function readIdentity(path: string): DiskIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const identity = JSON.parse(text) as DiskIdentity;
    if (isId(identity.disk) && typeof identity.node === 'string') return identity;
  } catch {
    // Told below.
  }
  throw new CommandFailed(`${path} is damaged; restore it, or empty the directory to begin anew.`);
}

function writeIdentity(directory: string, identity: DiskIdentity): void {
  writeDurably(join(directory, FILE), `${JSON.stringify(identity)}\n`);
}
