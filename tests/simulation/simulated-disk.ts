// Owns the disk of a simulated machine: every operation takes simulated time, a crash keeps what was synced
// and any mixture of the rest, and it can be slow, hang, fill up, rot, or be taken away. A program sees it
// through a view that ends with its life. The guarantee of a real disk holds: what was synced stays, unless
// it rots.

import type { DiskFile } from '#core/kernel/disk.ts';
import { MIB } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import type { ChunkDisk } from '#storage-nodes/chunks/chunk-disk.ts';
import type { Chance, Life, World } from './world.ts';

const CAPACITY_BYTES = 64 * MIB;
const FASTEST_MS = 0.02;
const SLOWEST_MS = 1;

export class SimulatedDisk {
  /** Times the usual delay. */
  slowness = 1;
  readonly #pace: number;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #name: string;
  readonly #directories = new Set<string>();
  #content: MemoryDisk;
  #life: Life | undefined;
  #hung: (() => void)[] | undefined;

  /** @param pace how much longer than the fastest it takes for everything. */
  constructor(world: World, name: string, pace: number) {
    this.#world = world;
    this.#name = name;
    this.#pace = pace;
    this.#chance = world.chance(`disk ${name}`);
    this.#content = this.#empty();
  }

  get isHung(): boolean {
    return this.#hung !== undefined;
  }

  /** Of nothing that is under way is it known whether it reached the disk. */
  crash(): void {
    this.#life = undefined;
    this.#hung = undefined;
    this.#content = this.#content.crashed(this.#chance);
  }

  replaceByEmpty(): void {
    this.#life = undefined;
    this.#hung = undefined;
    this.#content = this.#empty();
    this.#directories.clear();
  }

  fill(): void {
    this.#content.freeBytes = 0;
  }

  makeRoom(): void {
    this.#content.freeBytes = CAPACITY_BYTES;
  }

  hang(): void {
    this.#hung ??= [];
  }

  resume(): void {
    const waiting = this.#hung ?? [];
    this.#hung = undefined;
    for (const go of waiting) go();
  }

  /** Flips some bytes of a file in the directory; false where there is none to flip. */
  rot(directory: string, flips: number): boolean {
    const paths = this.#content.list(directory).map((name) => `${directory}/${name}`);
    const path = paths.length > 0 ? this.#chance.pick(paths) : undefined;
    const bytes = path === undefined ? undefined : this.#content.bytesOf(path);
    const used = bytes ? bytes.length - trailingZeros(bytes) : 0;
    if (path === undefined || used === 0) return false;
    for (let flip = 0; flip < flips; flip++) this.#content.rot(path, this.#chance.whole(0, used - 1));
    return true;
  }

  view(life: Life): ChunkDisk {
    this.#life = life;
    const content = this.#content;
    const isOurs = () => life.isAlive && this.#content === content;
    const elsewhere = new MemoryDisk();
    const target = () => (isOurs() ? content : elsewhere);
    return {
      open: (path, mode) => this.#file(content.open(path, mode), isOurs),
      list: (directory) => content.list(directory),
      makeDirectory: (path) => this.#makeDirectory(path),
      rename: (from, to) => {
        if (isOurs()) content.rename(from, to);
      },
      remove: (path) => target().remove(path),
      syncDirectory: (path) => (isOurs() ? content.syncDirectory(path) : never()),
      exists: (path) => this.#directories.has(path) || has(content, path),
      removeLarge: async (path) => {
        if (!isOurs()) return never();
        await this.#work();
        target().remove(path);
      },
      freeBytes: () => content.freeBytes,
    };
  }

  #makeDirectory(path: string): void {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      this.#directories.add(path.slice(0, end));
    }
  }

  #file(file: DiskFile, isOurs: () => boolean): DiskFile {
    const writeSync = (bytes: Uint8Array, position: number) => {
      if (isOurs()) file.writeSync(bytes, position);
    };
    return {
      path: file.path,
      sizeBytes: () => file.sizeBytes(),
      readSync: (target, position) => file.readSync(target, position),
      read: async (target, position) => {
        if (!isOurs()) return never();
        await this.#work();
        return file.readSync(target, position);
      },
      writeSync,
      write: async (bytes, position) => {
        if (!isOurs()) return never();
        writeSync(bytes, position);
        await this.#work();
      },
      writeDirect: async () => false,
      sync: async () => {
        if (!isOurs()) return never();
        await file.sync();
        this.#world.trace.note('disk-sync', `${this.#name} ${file.path}`);
      },
      close: () => file.close(),
    };
  }

  #empty(): MemoryDisk {
    const disk = new MemoryDisk(() => this.#work());
    disk.freeBytes = CAPACITY_BYTES;
    return disk;
  }

  /** Resolves when the disk has done one thing; never, where its program dies first. */
  async #work(): Promise<void> {
    const life = this.#life;
    if (!life?.isAlive) return never();
    if (this.#hung) {
      const hung = this.#hung;
      await new Promise<void>((go) => hung.push(go));
    }
    const delayMs = this.#chance.between(FASTEST_MS, SLOWEST_MS) * this.#pace * this.slowness;
    return new Promise((resolve) => life.after(delayMs, resolve));
  }
}

/** What the code of a dead program waits for. */
const never = () => new Promise<never>(() => {});

function has(disk: MemoryDisk, path: string): boolean {
  const slash = path.lastIndexOf('/');
  return disk.list(path.slice(0, slash)).includes(path.slice(slash + 1));
}

function trailingZeros(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.length - end;
}
