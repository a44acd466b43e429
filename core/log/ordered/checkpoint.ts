// Owns how far a partition's local copy has followed the ordered log, as a small file beside the copy. It
// may lag behind the copy, never run ahead of it: the copy is durable first. A file that is torn, damaged
// or lost costs time alone, for then the log is followed from its beginning.

import { crc32 } from '@node-rs/crc32';
import type { Disk } from '#core/kernel/disk.ts';
import type { SeenProposer } from './proposal-window.ts';

export interface Checkpoint {
  readonly logId: string;
  /** The next offset to be followed. */
  readonly offset: number;
  /** Events of the local copy that come from before that offset. */
  readonly events: number;
  readonly seen: readonly SeenProposer[];
}

const DRAFT = '.draft';

export class CheckpointFile {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #name: string;

  constructor(disk: Disk, directory: string, name: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#name = name;
  }

  async read(): Promise<Checkpoint | undefined> {
    if (!this.#disk.list(this.#directory).includes(this.#name)) return undefined;
    const file = this.#disk.open(this.#path, 'read');
    try {
      const bytes = Buffer.alloc(file.sizeBytes());
      await file.read(bytes, 0);
      const isSound = bytes.length > 4 && bytes.readUInt32LE(0) === crc32(bytes.subarray(4));
      return isSound ? (JSON.parse(bytes.toString('utf8', 4)) as Checkpoint) : undefined;
    } finally {
      file.close();
    }
  }

  async write(checkpoint: Checkpoint): Promise<void> {
    const text = Buffer.from(JSON.stringify(checkpoint));
    const bytes = Buffer.alloc(4 + text.length);
    bytes.set(text, 4);
    bytes.writeUInt32LE(crc32(text), 0);
    const file = this.#disk.open(this.#path + DRAFT, 'create');
    try {
      file.writeSync(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
    this.#disk.rename(this.#path + DRAFT, this.#path);
    await this.#disk.syncDirectory(this.#directory);
  }

  get #path(): string {
    return `${this.#directory}/${this.#name}`;
  }
}
