// Owns the order of writing: needles that wait are written together and made durable by one fdatasync, while
// the next ones gather. Guarantees that an append is acknowledged only after the sync that covers it, that at
// most one batch is not yet durable, and that nothing is written behind a write or sync that failed: the
// segment is sealed there.
//
// Budget: a small chunk is copied once (into the gather buffer), a large one never; one write a batch of
// small ones, one fdatasync a batch, and no promise but the caller's own.

import { DIRECT_BLOCK_BYTES, directBuffer } from '#core/kernel/direct-io.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { KIB, limits, MIB } from '#core/kernel/limits.ts';
import type { Append } from './append.ts';
import { GatheredRun } from './gathered-run.ts';
import { FILLER_BYTES_MAX, fillerBytes, headBytes, needleBytes } from './needle.ts';
import type { Segment } from './segment.ts';
import type { Purpose, SegmentTable } from './segment-table.ts';

export interface GroupWriterOptions {
  readonly segments: SegmentTable;
  /** The append is durable at this place; called before `done`. */
  readonly committed: (append: Append, segment: Segment, offset: number) => void;
  /** All appends of a batch are committed. */
  readonly batchCommitted: (segment: Segment, bytes: number) => void;
  /** Before each batch; throws a Fault when nothing may be written now. */
  readonly ready: () => Promise<void> | undefined;
  /** A batch failed. */
  readonly troubled: () => void;
}

const GATHER_BYTES = Math.min(1 * MIB, limits.chunkBatchBytes);
const COPIED_BYTES_MAX = 32 * KIB;
const ALIGNMENT = 8;

const DIRECT_BYTES_MIN = 256 * KIB;

const bytesOf = (append: Append) => needleBytes(append.data.length, append.ownerBytes);

/** Large data on borders of its own goes past the page cache. */
const isDirect = ({ data }: Append) =>
  data.length >= DIRECT_BYTES_MIN && data.length % DIRECT_BLOCK_BYTES === 0;

/** What the append takes at most, wherever it begins. */
const roomOf = (append: Append) => bytesOf(append) + (isDirect(append) ? FILLER_BYTES_MAX : 0);

/** What the filler before the append takes when it begins at `offset`. */
const fillerOf = (append: Append, offset: number) =>
  isDirect(append) ? fillerBytes(offset, headBytes(append.data.length, append.ownerBytes)) : 0;

export class GroupWriter {
  readonly #options: GroupWriterOptions;
  readonly #gather = directBuffer(GATHER_BYTES);
  #waiting: Append[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  #sealWanted = false;
  readonly #retried = new WeakSet<Append>();

  constructor(options: GroupWriterOptions) {
    this.#options = options;
  }

  /** Why no further append may wait, if so. */
  get refusal(): Fault | undefined {
    if (this.#closed) return new Fault('closed', 'the chunk store is closed');
    if (this.#waitingBytes > limits.chunkBytesWaiting || this.#waiting.length > limits.chunkAppendsWaiting) {
      return new Fault('busy', 'too many chunks wait to be written');
    }
    return undefined;
  }

  /** Resolves when the append is durable. @throws Fault `no-space`, `busy` or `closed` */
  append(append: Append): Promise<void> {
    const { refusal } = this;
    if (refusal !== undefined) append.failed(refusal);
    else {
      this.#waiting.push(append);
      this.#waitingBytes += append.data.length;
      this.#running ??= this.#run();
    }
    return append.settled;
  }

  /** Seals the active segment between two batches. */
  async seal(): Promise<void> {
    this.#sealWanted = true;
    this.#running ??= this.#run();
    await this.#running;
  }

  /** Writes what waits and takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Fails what waits and takes no more. */
  async abandon(fault: Fault): Promise<void> {
    this.#closed = true;
    this.#failAll(fault);
    await this.#running;
  }

  async #run(): Promise<void> {
    do {
      // Whoever else has news in this turn of the event loop joins the batch.
      await nextTurn();
      if (this.#sealWanted) this.#options.segments.seal();
      this.#sealWanted = false;
      const segment = await this.#prepare();
      if (segment !== undefined) await this.#writeBatch(segment);
    } while (this.#waiting.length > 0 || this.#sealWanted);
    this.#running = undefined;
  }

  async #prepare(): Promise<Segment | undefined> {
    try {
      await this.#options.ready();
      return await this.#segmentForNext();
    } catch (error) {
      this.#failAll(asFault(error));
      this.#options.troubled();
      return undefined;
    }
  }

  async #writeBatch(segment: Segment): Promise<void> {
    const { segments, batchCommitted } = this.#options;
    const batch = this.#take(segment);
    let bytes: number;
    try {
      bytes = await this.#write(segment, batch);
      await segments.files.handle(segment.file).sync();
      if (!segments.exists(segment)) throw new Fault('closed', `${segment.file.path} was removed`);
    } catch (error) {
      // The batch may stand in the file in part; the next segment's header says that this one ends before it.
      segments.seal();
      this.#requeue(batch, error);
      this.#options.troubled();
      return;
    }
    for (const append of batch) {
      const offset = segment.endBytes + fillerOf(append, segment.endBytes);
      this.#options.committed(append, segment, offset);
      segment.endBytes = offset + bytesOf(append);
    }
    batchCommitted(segment, bytes);
    for (const append of batch) append.done();
    segments.fillAhead();
  }

  /**
   * The active segment if the first of those who wait fits in, else the next. Rejects whom there is no room
   * for.
   */
  async #segmentForNext(): Promise<Segment | undefined> {
    const { segments } = this.#options;
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) return undefined;
      const { active } = segments;
      if (active !== undefined && roomOf(first) <= active.roomBytes) {
        if (first.purpose === 'upkeep' || !active.reserve || segments.hasReserve()) return active;
        segments.full = true;
      } else {
        const rolled = await this.#roll(first.purpose);
        if (rolled !== undefined) continue;
      }
      this.#drop(first, new Fault('no-space', 'the device has no room for another chunk'));
    }
  }

  async #roll(purpose: Purpose): Promise<Segment | undefined> {
    try {
      return await this.#options.segments.roll(purpose);
    } catch (error) {
      if (isFault(error, 'no-space')) return undefined;
      throw error;
    }
  }

  #drop(append: Append, fault: Fault): void {
    this.#waiting.shift();
    this.#waitingBytes -= append.data.length;
    append.failed(fault);
  }

  /** As many as fit in the segment and a batch, at least one. */
  #take(segment: Segment): Append[] {
    let bytes = 0;
    let count = 0;
    const putsAllowed = !segment.reserve || this.#options.segments.hasReserve();
    const roomBytes = Math.min(segment.roomBytes, limits.chunkBatchBytes);
    for (const append of this.#waiting) {
      const needle = roomOf(append);
      if (count > 0 && (bytes + needle > roomBytes || (append.purpose === 'put' && !putsAllowed))) break;
      bytes += needle;
      count += 1;
      this.#waitingBytes -= append.data.length;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  /**
   * Into the page cache, or past it; returns the bytes. Settles when no buffer of the batch is in use any
   * more.
   */
  async #write(segment: Segment, batch: readonly Append[]): Promise<number> {
    const { segments } = this.#options;
    const handle = segments.files.handle(segment.file);
    const run = new GatheredRun(handle, this.#gather, segment.endBytes);
    for (const append of batch) {
      const { data } = append;
      const copied = data.length <= COPIED_BYTES_MAX;
      const most = FILLER_BYTES_MAX + headBytes(data.length, append.ownerBytes) + ALIGNMENT;
      if (!run.hasRoom(copied ? most + data.length : most)) await run.empty();
      run.filler(fillerOf(append, run.endBytes), segment.salt);
      run.head(append, segment.salt);
      if (copied) run.copy(data);
      else {
        if (isDirect(append)) run.direct(data);
        else run.through(data);
        segments.wroteBulk(data.length);
      }
      run.pad(-data.length & (ALIGNMENT - 1));
    }
    await run.empty();
    segments.grown(segment.file, run.endBytes);
    return run.endBytes - segment.endBytes;
  }

  /**
   * Deletes and compaction get another segment when this one could not grow; all others learn that they
   * failed.
   */
  #requeue(batch: readonly Append[], error: unknown): void {
    const outOfSpace = isFault(error, 'no-space');
    if (outOfSpace) this.#options.segments.full = true;
    const again: Append[] = [];
    for (const append of batch) {
      if (!outOfSpace || append.purpose === 'put' || this.#retried.has(append)) append.failed(asFault(error));
      else again.push(append);
    }
    for (const append of again) {
      this.#retried.add(append);
      this.#waitingBytes += append.data.length;
    }
    this.#waiting = [...again, ...this.#waiting];
  }

  #failAll(fault: Fault): void {
    const all = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const append of all) append.failed(fault);
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('busy', 'the device failed to write', { cause: error });
}
