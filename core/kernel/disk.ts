// Owns the disk port: the few file operations that the stores are built on, so that a simulator can tear,
// lose and rot what a real disk would. The guarantee: what was written before a resolved `sync()` outlives a
// loss of power, and a name does once `syncDirectory()` resolved. The synchronous calls are for bytes that
// sit in the page cache (2–4 µs); whatever may be cold goes by the others.

import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  mkdirSync,
  open,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  write,
  writeSync,
  writev,
} from 'node:fs';
import { Fault } from './errors.ts';

export interface DiskFile {
  readonly path: string;
  sizeBytes(): number;
  /** Fills `target` from `position` as far as the file goes; returns the number of bytes. */
  readSync(target: Uint8Array, position: number): number;
  /** As {@link readSync}, without stalling the process. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`. @throws Fault `no-space` */
  writeSync(bytes: Uint8Array, position: number): void;
  /** As {@link writeSync}, without stalling the process. @throws Fault `no-space` */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /**
   * As {@link write}, all `parts` one behind the other, past the page cache: they must not change until it
   * settles, and position and lengths are multiples of DIRECT_BLOCK_BYTES. False, with nothing written, where
   * file system or memory do not allow it.
   */
  writeDirect(parts: readonly Uint8Array[], position: number): Promise<boolean>;
  /** Resolves when all bytes written so far are durable (fdatasync). @throws Fault `no-space` */
  sync(): Promise<void>;
  close(): void;
}

/** `read` and `update` want an existing file; `create` makes an empty one, in place of any that was there. */
export type OpenMode = 'read' | 'update' | 'create';

export interface Disk {
  open(path: string, mode: OpenMode): DiskFile;
  /** The names in a directory, sorted. */
  list(directory: string): readonly string[];
  makeDirectory(path: string): void;
  rename(from: string, to: string): void;
  /** Nothing happens where there is no such file. */
  remove(path: string): void;
  /** Makes the names of a directory durable. */
  syncDirectory(path: string): Promise<void>;
}

const FLAGS = { read: 'r', update: 'r+', create: 'w+' } as const;
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Turns the system's "no space" into the fault of that name; any other error stays as it is. */
function spaceFault(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined || !NO_SPACE.has(code)) return error;
  return new Fault('no-space', `no space left to write ${path}`, { cause: error });
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  /** Opened at the first direct write; undefined once the file system refused it. */
  #direct: number | 'not-yet' | undefined = 'not-yet';

  constructor(path: string, mode: OpenMode) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, FLAGS[mode], 0o600);
    } catch (error) {
      throw spaceFault(error, path);
    }
  }

  sizeBytes(): number {
    return fstatSync(this.#descriptor).size;
  }

  readSync(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = readSync(this.#descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const count = await this.#readOnce(target, done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  #readOnce(target: Uint8Array, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, target, from, target.length - from, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  writeSync(bytes: Uint8Array, position: number): void {
    try {
      let done = 0;
      while (done < bytes.length) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
      }
    } catch (error) {
      throw spaceFault(error, this.path);
    }
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      done += await this.#writeOnce(bytes, done, position + done);
    }
  }

  async writeDirect(parts: readonly Uint8Array[], position: number): Promise<boolean> {
    const direct = this.#openDirect();
    if (direct === undefined) return false;
    let done: number;
    try {
      done = await this.#writeAllOnce(direct, parts, position);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false;
      throw error;
    }
    // A short write is how a disk that fills up begins; the rest need not lie on a border.
    let from = 0;
    for (const part of parts) {
      const written = Math.min(Math.max(done - from, 0), part.length);
      if (written < part.length) await this.write(part.subarray(written), position + from + written);
      from += part.length;
    }
    return true;
  }

  #openDirect(): number | undefined {
    if (this.#direct !== 'not-yet') return this.#direct;
    try {
      this.#direct = openSync(this.path, constants.O_WRONLY | constants.O_DIRECT);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      this.#direct = undefined;
    }
    return this.#direct;
  }

  #writeOnce(bytes: Uint8Array, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#descriptor, bytes, from, bytes.length - from, position, (error, count) =>
        error ? reject(spaceFault(error, this.path)) : resolve(count),
      );
    });
  }

  #writeAllOnce(file: number, parts: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(file, parts, position, (error, count) =>
        error ? reject(spaceFault(error, this.path)) : resolve(count),
      );
    });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error ? reject(spaceFault(error, this.path)) : resolve()));
    });
  }

  close(): void {
    closeSync(this.#descriptor);
    if (typeof this.#direct === 'number') closeSync(this.#direct);
  }
}

/** The disk of this machine. Files are made for their owner alone. */
export const nodeDisk: Disk = {
  open: (path, mode) => new NodeFile(path, mode),
  list: (directory) => readdirSync(directory).sort(),
  makeDirectory: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  },
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  syncDirectory: (path) =>
    new Promise((resolve, reject) => {
      open(path, 'r', (failed, descriptor) => {
        if (failed) return reject(failed);
        fsync(descriptor, (unsynced) => {
          close(descriptor, () => (unsynced ? reject(spaceFault(unsynced, path)) : resolve()));
        });
      });
    }),
};
