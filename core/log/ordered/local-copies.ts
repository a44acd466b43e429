// Owns the local copies of the log, one embedded log for each partition with its checkpoint beside it.
// They are only copies: one that is damaged, or lacks what its checkpoint says it had, is removed with a
// word to the operator, and made anew from the log.

import { join } from 'node:path';
import type { Clock } from '#core/kernel/clock.ts';
import type { Disk } from '#core/kernel/disk.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import type { Random } from '#core/kernel/random.ts';
import { EmbeddedLog } from '../embedded/embedded-log.ts';
import { type Checkpoint, CheckpointFile } from './checkpoint.ts';
import { ProposalInHand } from './partition-fold.ts';

/** Who is told of what an operator should know. */
export interface LogNotices {
  warn(details: object, message: string): void;
}

export interface LocalCopy {
  readonly local: EmbeddedLog;
  readonly inHand: ProposalInHand;
  readonly checkpointFile: CheckpointFile;
  readonly checkpoint: Checkpoint;
}

export interface LocalCopyOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: LogNotices;
  readonly segmentBytes?: number;
}

const notLocked = { release: () => {} };

/** @throws Fault `corruption` when the directory belongs to another log */
export async function openLocalCopy(
  options: LocalCopyOptions,
  logId: string,
  partition: number,
): Promise<LocalCopy> {
  const { disk, logger } = options;
  const name = `partition-${partition}`;
  const directory = join(options.directory, name);
  disk.makeDirectory(directory);
  const checkpointFile = new CheckpointFile(disk, options.directory, `${name}.checkpoint`);
  const found = await checkpointFile.read();
  if (found && found.logId !== logId) {
    throw new Fault('corruption', `${options.directory} belongs to log ${found.logId}, not to ${logId}`);
  }
  const inHand = new ProposalInHand();
  const open = () =>
    EmbeddedLog.open({
      ...options,
      ...{ directory, partition, ids: inHand, clock: inHand.clock(options.clock), lock: () => notLocked },
    });
  let local: EmbeddedLog | undefined;
  try {
    local = await open();
    const isWhole = local.count >= (found?.events ?? 0);
    if (isWhole) return { local, inHand, checkpointFile, checkpoint: found ?? beginning(logId) };
    logger.warn({ directory }, 'the local copy of the log lacks events that it had; it is made anew');
    await local.close();
  } catch (error) {
    if (!isFault(error, 'corruption')) throw error;
    logger.warn({ directory, err: error }, 'the local copy of the log is damaged; it is made anew');
  }
  await checkpointFile.write(beginning(logId));
  for (const file of disk.list(directory)) disk.remove(join(directory, file));
  return { local: await open(), inHand, checkpointFile, checkpoint: beginning(logId) };
}

function beginning(logId: string): Checkpoint {
  return { logId, offset: 0, events: 0, seen: [] };
}
