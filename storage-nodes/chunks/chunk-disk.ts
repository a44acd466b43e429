// Owns what the chunk store asks of a disk beyond the kernel's port: how much room is left, and whether a
// file still has its name. A test gives another one to make a call fail.

import { existsSync, statfsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Disk, nodeDisk } from '#core/kernel/disk.ts';

export interface ChunkDisk extends Disk {
  /** False once somebody removed the file, though it may still be open here. */
  exists(path: string): boolean;
  /** As `remove`, without stalling the process: to free the blocks of a large file takes a while. */
  removeLarge(path: string): Promise<void>;
  /** Bytes that the file system has left for us. */
  freeBytes(directory: string): number;
}

export const nodeChunkDisk: ChunkDisk = {
  ...nodeDisk,
  exists: existsSync,
  removeLarge: (path) => rm(path, { force: true }),
  freeBytes: (directory) => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
};
