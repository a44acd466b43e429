// Owns the answer to "where does the last event of this stream stand?" for durable events. Streams of the
// segment being written are in a table; when the segment is full its table is written to an index file in the
// background, and files of equal size are merged by eights. So memory stays small (a table, and 2 bytes a
// stream), a start rescans one segment, and the index as a whole can be deleted: it is made anew from the
// log.

import { join } from 'node:path';
import type { Disk } from '#core/kernel/disk.ts';
import { limits } from '#core/kernel/limits.ts';
import type { HashWords } from './stream-hash.ts';
import { RunWriter, type SegmentRange, StreamRun } from './stream-run.ts';
import { compareHash, ENTRY_WORDS, type StreamEntry, StreamTable } from './stream-table.ts';

const NAME = /^(\d{10})-(\d{10})\.streams$/;
const DRAFT = '.draft';

interface Frozen {
  readonly segment: number;
  readonly table: StreamTable;
}

export class StreamIndex {
  readonly #disk: Disk;
  readonly #directory: string;
  #table = new StreamTable();
  /** Full tables that are not on disk yet, oldest first. */
  #frozen: Frozen[] = [];
  /** Oldest first, each beginning where the one before ends. */
  #runs: StreamRun[] = [];
  #work: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** Opens what index files there are; those that are unsound, superseded or too new are removed. */
  static async open(disk: Disk, directory: string, sealedSegments: number): Promise<StreamIndex> {
    const index = new StreamIndex(disk, directory);
    const named: { name: string; first: number; last: number }[] = [];
    for (const name of disk.list(directory)) {
      const match = NAME.exec(name);
      if (match) named.push({ name, first: Number(match[1]), last: Number(match[2]) });
      else if (name.endsWith(DRAFT) && NAME.test(name.slice(0, -DRAFT.length)))
        disk.remove(join(directory, name));
    }
    // Of files that begin at one segment the longest was merged from the others.
    named.sort((a, b) => a.first - b.first || b.last - a.last);
    for (const { name, first, last } of named) {
      const fits = first === index.coveredSegments + 1 && last <= sealedSegments;
      const run = fits ? await StreamRun.open(disk, join(directory, name)) : undefined;
      if (run && run.segments.first === first && run.segments.last === last) index.#runs.push(run);
      else disk.remove(join(directory, name));
    }
    return index;
  }

  /** The streams of segments up to this one need not be told again. */
  get coveredSegments(): number {
    return this.#runs.at(-1)?.segments.last ?? 0;
  }

  find(hash: HashWords, into: StreamEntry): boolean {
    if (this.#table.find(hash, into)) return true;
    for (let at = this.#frozen.length - 1; at >= 0; at--) {
      if ((this.#frozen[at] as Frozen).table.find(hash, into)) return true;
    }
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      if ((this.#runs[at] as StreamRun).find(hash, into)) return true;
    }
    return false;
  }

  set(h0: number, h1: number, h2: number, h3: number, entry: Readonly<StreamEntry>): void {
    this.#table.set(h0, h1, h2, h3, entry);
  }

  /**
   * Resolves when one more table may be frozen.
   * @throws Fault `no-space` when tables wait and cannot be written
   */
  async waitForRoom(): Promise<void> {
    while (this.#frozen.length >= limits.logTablesWaiting) {
      this.#start();
      await this.#work;
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** Ends the table of a segment that is full, and begins to write it. */
  freeze(segment: number): void {
    this.#frozen.push({ segment, table: this.#table });
    this.#table = new StreamTable();
    this.#start();
  }

  /** Resolves when nothing is left to be written or merged. */
  async settle(): Promise<void> {
    while (this.#work) await this.#work;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.settle();
    for (const run of this.#runs) run.close();
    this.#runs = [];
  }

  #start(): void {
    if (this.#work || this.#closed) return;
    this.#failure = undefined;
    this.#work = this.#writeAndMerge()
      .catch((error: unknown) => {
        // Kept until the next full table, which tries again.
        this.#failure = error;
      })
      .finally(() => {
        this.#work = undefined;
      });
  }

  async #writeAndMerge(): Promise<void> {
    while (!this.#closed) {
      const oldest = this.#frozen[0];
      if (oldest) {
        const segments = { first: oldest.segment, last: oldest.segment };
        const run = await this.#write(segments, oldest.table.size, arrayOf(oldest.table.sorted()));
        if (!run) return;
        this.#runs.push(run);
        this.#frozen.shift();
        continue;
      }
      const merging = runsToMerge(this.#runs);
      if (merging.length === 0) return;
      await this.#merge(merging);
    }
  }

  async #merge(merging: readonly StreamRun[]): Promise<void> {
    const [oldest, newest] = [merging[0] as StreamRun, merging[merging.length - 1] as StreamRun];
    const segments = { first: oldest.segments.first, last: newest.segments.last };
    const entries = merging.reduce((sum, run) => sum + run.entries, 0);
    const run = await this.#write(segments, entries, merged(merging));
    if (!run) return;
    this.#runs = [...this.#runs.filter((other) => !merging.includes(other)), run];
    for (const old of merging) {
      old.close();
      this.#disk.remove(old.path);
    }
  }

  /** Undefined when the index was closed half way through. */
  async #write(
    segments: SegmentRange,
    entriesMax: number,
    source: AsyncIterable<Int32Array> | Iterable<Int32Array>,
  ): Promise<StreamRun | undefined> {
    const path = join(this.#directory, `${digits(segments.first)}-${digits(segments.last)}.streams`);
    const file = this.#disk.open(path + DRAFT, 'create');
    try {
      const writer = new RunWriter(file, entriesMax);
      for await (const entries of source) {
        for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
          if (writer.isFull) await writer.flush();
          if (this.#closed) return undefined;
          writer.add(entries, at);
        }
      }
      if (writer.isFull) await writer.flush();
      await writer.finish(segments);
    } finally {
      file.close();
    }
    this.#disk.rename(path + DRAFT, path);
    await this.#disk.syncDirectory(this.#directory);
    return StreamRun.open(this.#disk, path);
  }
}

function digits(segment: number): string {
  return String(segment).padStart(10, '0');
}

function* arrayOf(entries: Int32Array): Generator<Int32Array> {
  yield entries;
}

/** The newest runs that are of one size, once there are enough of them. */
function runsToMerge(runs: readonly StreamRun[]): readonly StreamRun[] {
  const tierOf = (run: StreamRun) => {
    const segments = run.segments.last - run.segments.first + 1;
    return Math.floor(Math.log(segments + 0.5) / Math.log(limits.logIndexFanIn));
  };
  const newest = runs.at(-1);
  if (!newest) return [];
  let from = runs.length - 1;
  while (from > 0 && tierOf(runs[from - 1] as StreamRun) === tierOf(newest)) from--;
  return runs.length - from >= limits.logIndexFanIn ? runs.slice(from) : [];
}

interface Input {
  readonly pages: AsyncGenerator<Int32Array>;
  entries: Int32Array;
  at: number;
}

/** The entries of runs given oldest first, in order; of equal hashes the newest. */
async function* merged(runs: readonly StreamRun[]): AsyncGenerator<Int32Array> {
  const inputs: Input[] = [];
  for (const run of runs) inputs.push({ pages: run.scan(), entries: new Int32Array(0), at: 0 });
  for (const input of inputs) await refill(input);
  const batch = new Int32Array(1024 * ENTRY_WORDS);
  let filled = 0;
  for (;;) {
    let least: Input | undefined;
    for (const input of inputs) {
      if (input.entries.length === 0) continue;
      const order = least ? compareHash(input.entries, input.at, least.entries, least.at) : -1;
      if (order > 0) continue;
      // A newer entry takes the place of an older one of the same hash.
      if (order === 0 && least && advance(least)) await refill(least);
      least = input;
    }
    if (!least) break;
    for (let word = 0; word < ENTRY_WORDS; word++) {
      batch[filled + word] = least.entries[least.at + word] as number;
    }
    filled += ENTRY_WORDS;
    if (advance(least)) await refill(least);
    if (filled === batch.length) {
      yield batch;
      filled = 0;
    }
  }
  yield batch.subarray(0, filled);
}

/** Whether the input needs another page. */
function advance(input: Input): boolean {
  input.at += ENTRY_WORDS;
  return input.at >= input.entries.length;
}

async function refill(input: Input): Promise<void> {
  const next = await input.pages.next();
  input.entries = next.done ? new Int32Array(0) : next.value;
  input.at = 0;
}
