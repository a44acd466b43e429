// Owns what the chunk store asks of a disk beyond the kernel's port: how much room is left, and whether a
// file still has its name. A test gives another one to make a call fail.

import { existsSync, statfsSync } from 'node:fs';
import { type Disk, nodeDisk } from '#core/kernel/disk.ts';

export interface ChunkDisk extends Disk {
  /** False once somebody removed the file, though it may still be open here. */
  exists(path: string): boolean;
  /** Bytes that the file system has left for us. */
  freeBytes(directory: string): number;
}

export const nodeChunkDisk: ChunkDisk = {
  ...nodeDisk,
  exists: existsSync,
  freeBytes: (directory) => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
};
