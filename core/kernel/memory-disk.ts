// Owns a disk in memory that can fail as a real one does: it runs out of space, and at a loss of power it
// keeps what was synced, and of all else any mixture of old and new sectors. For tests and simulation; it
// never waits for a timer.

import type { Disk, DiskFile, OpenMode } from './disk.ts';
import { Fault } from './errors.ts';
import type { Random } from './random.ts';

const SECTOR_BYTES = 512;

interface Content {
  bytes: Buffer;
  sizeBytes: number;
  /** As of the last sync. */
  durable: Buffer;
  /** Sectors written since, each with the number of its last write. */
  readonly unsynced: Map<number, number>;
}

export class MemoryDisk implements Disk {
  /** How much files may still grow. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** The next syncs fail with these. */
  readonly syncErrors: Error[] = [];
  readonly #files = new Map<string, Content>();
  /** Per directory what its names meant when it was last synced. */
  readonly #durableNames = new Map<string, ReadonlyMap<string, Content>>();
  /** Resolves when the disk has done one sync; others go on meanwhile. */
  readonly syncing: () => Promise<void>;

  constructor(syncing: () => Promise<void> = turn) {
    this.syncing = syncing;
  }

  open(path: string, mode: OpenMode): DiskFile {
    let content = this.#files.get(path);
    if (!content || mode === 'create') {
      if (mode !== 'create') throw notFound(path);
      content = { bytes: Buffer.alloc(0), sizeBytes: 0, durable: Buffer.alloc(0), unsynced: new Map() };
      this.#files.set(path, content);
    }
    return new MemoryFile(this, path, content);
  }

  list(directory: string): readonly string[] {
    return [...this.#namesIn(directory).keys()].map((path) => path.slice(directory.length + 1)).sort();
  }

  makeDirectory(): void {}

  rename(from: string, to: string): void {
    const content = this.#files.get(from);
    if (!content) throw notFound(from);
    this.#files.delete(from);
    this.#files.set(to, content);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    const names = this.#namesIn(directory);
    await this.syncing();
    this.#durableNames.set(directory, names);
  }

  /** The bytes of a file, to be looked at or, by {@link put}, changed. */
  bytesOf(path: string): Buffer {
    const content = this.#files.get(path);
    if (!content) throw notFound(path);
    return Buffer.from(content.bytes.subarray(0, content.sizeBytes));
  }

  /** Puts a file there, durably. */
  put(path: string, bytes: Buffer): void {
    const durable = Buffer.from(bytes);
    const content = { bytes: Buffer.from(bytes), sizeBytes: bytes.length, durable, unsynced: new Map() };
    this.#files.set(path, content);
    const directory = path.slice(0, path.lastIndexOf('/'));
    this.#durableNames.set(directory, this.#namesIn(directory));
  }

  /** Flips the bits of one byte at rest, as a disk does that rots. */
  rot(path: string, position: number): void {
    const content = this.#files.get(path);
    if (!content) throw notFound(path);
    for (const bytes of [content.bytes, content.durable]) {
      if (position < bytes.length) bytes[position] = (bytes[position] as number) ^ 0xff;
    }
  }

  /** What is found after a loss of power at this moment. This disk itself goes on. */
  crashed(random: Random): MemoryDisk {
    const found = new MemoryDisk(this.syncing);
    found.freeBytes = this.freeBytes;
    const isNamesLost = random.next() < 0.5;
    const files = isNamesLost
      ? new Map([...this.#durableNames.values()].flatMap((names) => [...names]))
      : this.#files;
    for (const [path, content] of files) found.put(path, torn(content, random));
    return found;
  }

  /** @throws Fault `no-space` */
  takeSpace(bytes: number, path: string): void {
    if (bytes > this.freeBytes) throw new Fault('no-space', `no space left to write ${path}`);
    this.freeBytes -= bytes;
  }

  #namesIn(directory: string): Map<string, Content> {
    const names = [...this.#files].filter(([path]) => path.slice(0, path.lastIndexOf('/')) === directory);
    return new Map(names);
  }
}

let writes = 0;

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #disk: MemoryDisk;
  readonly #content: Content;

  constructor(disk: MemoryDisk, path: string, content: Content) {
    this.#disk = disk;
    this.path = path;
    this.#content = content;
  }

  sizeBytes(): number {
    return this.#content.sizeBytes;
  }

  readSync(target: Uint8Array, position: number): number {
    const end = Math.min(this.#content.sizeBytes, position + target.length);
    if (position >= end) return 0;
    target.set(this.#content.bytes.subarray(position, end));
    return end - position;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position);
  }

  writeSync(bytes: Uint8Array, position: number): void {
    const content = this.#content;
    const end = position + bytes.length;
    if (end > content.sizeBytes) this.#disk.takeSpace(end - content.sizeBytes, this.path);
    if (end > content.bytes.length) {
      const larger = Buffer.alloc(Math.max(end, content.bytes.length * 2));
      content.bytes.copy(larger);
      content.bytes = larger;
    }
    content.bytes.set(bytes, position);
    content.sizeBytes = Math.max(content.sizeBytes, end);
    const last = Math.floor((end - 1) / SECTOR_BYTES);
    writes++;
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector++) {
      content.unsynced.set(sector, writes);
    }
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.writeSync(bytes, position);
  }

  async writeDirect(): Promise<boolean> {
    return false;
  }

  async sync(): Promise<void> {
    const content = this.#content;
    const { sizeBytes } = content;
    // What is written while the disk works is not durable by this.
    const runs = runsOf(content);
    await this.#disk.syncing();
    const error = this.#disk.syncErrors.shift();
    if (error) throw error;
    if (content.durable.length < sizeBytes) {
      content.durable = Buffer.concat([content.durable], sizeBytes);
    }
    for (const { first, writes: lastWrites, bytes } of runs) {
      bytes.copy(content.durable, first * SECTOR_BYTES);
      for (const [at, write] of lastWrites.entries()) {
        if (content.unsynced.get(first + at) === write) content.unsynced.delete(first + at);
      }
    }
  }

  close(): void {}
}

/** Sectors one behind the other, each with the number of its last write. */
interface Run {
  readonly first: number;
  readonly writes: number[];
  bytes: Buffer;
}

/** All that is not synced, as it is now. */
function runsOf({ bytes, unsynced }: Content): Run[] {
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const [sector, write] of unsynced) {
    if (last && last.first + last.writes.length === sector) last.writes.push(write);
    else {
      last = { first: sector, writes: [write], bytes };
      runs.push(last);
    }
  }
  for (const run of runs) {
    const end = (run.first + run.writes.length) * SECTOR_BYTES;
    run.bytes = Buffer.from(bytes.subarray(run.first * SECTOR_BYTES, end));
  }
  return runs;
}

function torn(content: Content, random: Random): Buffer {
  const bytes = Buffer.alloc(random.next() < 0.5 ? content.sizeBytes : content.durable.length);
  content.durable.copy(bytes);
  // Now and then nothing, or all, reached the disk; else each sector by its own luck.
  const luck = random.next() * 1.5 - 0.25;
  for (const sector of content.unsynced.keys()) {
    if (random.next() < luck) copySector(content.bytes, bytes, sector);
  }
  return bytes;
}

function copySector(from: Buffer, to: Buffer, sector: number): void {
  from.copy(to, sector * SECTOR_BYTES, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function notFound(path: string): Error {
  return Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
}
