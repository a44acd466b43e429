// Owns the chunk store on a directory: log-structured segments (the truth), an index (rebuilt when lost), and
// the order of operations on one chunk. Guarantees what the port promises, at any point of a crash: an
// acknowledged put is read back whole or faults, an acknowledged delete is never undone, and a directory that
// is damaged or removed while serving makes reads fault, so that the caller turns to the other replicas, but
// never the process fail.
//
// A PUT on its way:  put -> group-writer (batch, fdatasync) -> chunk-index (hot entry; durable index later,
// in batches) A GET on its way:  read -> chunk-index (hot entry, else durable index) -> chunk-reader (one
// pread, blocks verified)

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { Append } from './append.ts';
import { checkChunk, checkId, checkListOptions, checkRange } from './chunk-checks.ts';
import { type ChunkDisk, nodeChunkDisk } from './chunk-disk.ts';
import { ABSENT, keyOf, type Place } from './chunk-index.ts';
import type {
  AuditReport,
  Chunk,
  ChunkId,
  ChunkInfo,
  ChunkStore,
  ChunkStoreStatus,
  ListOptions,
} from './chunk-store.ts';
import { Compactor } from './compaction.ts';
import { DiskProbe } from './disk-probe.ts';
import { isQuarantined, packedSize } from './hot-index.ts';
import type { IndexEngine } from './index-store.ts';
import { CHUNK_NEEDLE, TOMBSTONE_NEEDLE } from './needle.ts';
import type { ScannedNeedle } from './needle-scan.ts';
import { rocksIndexEngine } from './rocks-index-store.ts';
import type { Segment } from './segment.ts';
import { abandonServing, type Serving, startServing, stopServing } from './serving.ts';

export interface DiskChunkStoreOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes that the segment files may take together; without it, what the file system has. */
  readonly capacityBytes?: number;
  /** Fixes the size of new segments, which else follows the size of the store. */
  readonly segmentBytes?: number;
  /** Entries of the in-memory index, 43 bytes each. */
  readonly hotEntries?: number;
  readonly disk?: ChunkDisk;
  /** What keeps the index: RocksDB unless told otherwise. */
  readonly indexEngine?: IndexEngine;
}

const DONE = Promise.resolve();
const RETRY_MS = 1_000;
const UNREPORTED_MAX = 1_024;
const NO_DATA = new Uint8Array(0);
const NO_CHECKSUMS = new Uint32Array(0);

export class DiskChunkStore implements ChunkStore {
  readonly #options: DiskChunkStoreOptions;
  readonly #disk: ChunkDisk;
  #serving: Serving | undefined;
  #opening: Promise<void> | undefined;
  #openFailedMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  #closing: Promise<void> | undefined;
  /** One operation on a chunk at a time; by id as a Latin-1 string. */
  readonly #inFlight = new Map<string, Promise<unknown>>();
  /** Audits and compactions, one at a time. */
  #upkeep: Promise<unknown> = DONE;
  readonly #probe: DiskProbe;
  #auditBuffer: Buffer | undefined;
  /** Found damaged by no read of a client and no audit. */
  #unreported: ChunkId[] = [];

  private constructor(options: DiskChunkStoreOptions) {
    this.#options = options;
    this.#disk = options.disk ?? nodeChunkDisk;
    this.#probe = new DiskProbe(options.directory, this.#disk, options.clock);
  }

  /**
   * Opens the store in the directory, an empty one where there is none.
   * @throws Fault `locked` when the directory is in use.
   */
  static async open(options: DiskChunkStoreOptions): Promise<DiskChunkStore> {
    const store = new DiskChunkStore(options);
    store.#serving = await store.#start();
    return store;
  }

  put(chunk: Chunk): Promise<void> {
    const ownerBytes = Buffer.byteLength(chunk.owner);
    checkChunk(chunk, ownerBytes);
    const serving = this.#serving;
    if (serving === undefined || this.#closed) return this.#whenServing().then(() => this.put(chunk));
    const key = keyOf(chunk.id);
    if (!this.#inFlight.has(key)) {
      const place = serving.index.peek(chunk.id);
      if (place === ABSENT) return this.#appendAlone(serving, this.#chunkAppend(chunk, key, ownerBytes));
      if (place !== undefined && !isQuarantined(place.packed)) return DONE;
    }
    return this.#alone(key, async ({ index, writer }) => {
      const place = await index.look(chunk.id);
      if (place !== undefined && !isQuarantined(place.packed)) return;
      await writer.append(this.#chunkAppend(chunk, key, ownerBytes, place));
    });
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    checkId(id);
    checkRange(offset, length);
    const serving = this.#serving;
    if (serving === undefined || this.#closed) {
      await this.#whenServing();
      return this.read(id, offset, length, target);
    }
    const known = serving.index.peek(id);
    const place = known ?? (await serving.index.look(id)) ?? ABSENT;
    if (place === ABSENT || isQuarantined(place.packed)) throw missing(id);
    try {
      const bytes = serving.reader.read(id, place, offset, length, target);
      return bytes instanceof Uint8Array ? bytes : await bytes;
    } catch (error) {
      if (await this.#isGone(serving, id, place)) throw missing(id);
      await this.#quarantine(id, place);
      throw new Fault('chunk-corrupt', `chunk ${hex(id)} is damaged`, { cause: error });
    }
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    checkId(id);
    const serving = await this.#whenServing();
    const place = await serving.index.look(id);
    if (place === undefined || isQuarantined(place.packed)) return undefined;
    try {
      return serving.reader.info(id, place);
    } catch {
      if (!(await this.#isGone(serving, id, place))) await this.#quarantineUnreported(id, place);
      return undefined;
    }
  }

  delete(id: ChunkId): Promise<void> {
    checkId(id);
    const serving = this.#serving;
    if (serving === undefined || this.#closed) return this.#whenServing().then(() => this.delete(id));
    const key = keyOf(id);
    if (!this.#inFlight.has(key)) {
      const place = serving.index.peek(id);
      if (place === ABSENT) return DONE;
      if (place !== undefined) return this.#appendAlone(serving, this.#tombstone(id, key, place));
    }
    return this.#alone(key, async ({ index, writer }) => {
      const place = await index.look(id);
      if (place !== undefined) await writer.append(this.#tombstone(id, key, place));
    });
  }

  async *list(options?: ListOptions): AsyncGenerator<ChunkInfo> {
    checkListOptions(options);
    const serving = await this.#whenServing();
    for await (const info of serving.index.list(options)) {
      if (this.#closed) throw closedFault();
      yield info;
    }
  }

  async digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array> {
    const serving = await this.#whenServing();
    return (await serving.index.digests(partitionPower)).read(partitions);
  }

  async probe(): Promise<void> {
    const serving = await this.#whenServing();
    try {
      await this.#probe.run();
    } catch (error) {
      if (this.#serving === serving) this.#dropVanished(serving);
      throw error;
    }
  }

  audit(limit: number): Promise<AuditReport> {
    return this.#oneUpkeep(async (serving) => {
      const damaged: ChunkId[] = this.#unreported.splice(0);
      this.#dropVanished(serving);
      const { auditAfter } = serving.index;
      let [checked, readBytes] = [0, 0];
      let [last, more] = [auditAfter, false];
      for await (const { id, sizeBytes } of serving.index.list(auditAfter && { after: auditAfter })) {
        more = checked >= limit || this.#closed;
        if (more) break;
        checked += 1;
        readBytes += sizeBytes;
        last = id;
        const place = await serving.index.look(id);
        if (place === undefined || isQuarantined(place.packed)) continue;
        if (await this.#isWhole(serving, id, place)) continue;
        if ((await this.#isGone(serving, id, place)) || !(await this.#quarantine(id, place))) continue;
        damaged.push(id);
      }
      serving.index.auditAfter = more ? last : undefined;
      return { checked, readBytes, damaged };
    });
  }

  compact(limit: number): Promise<number> {
    return this.#oneUpkeep(async (serving) => {
      this.#dropVanished(serving);
      const { segments, index, writer } = serving;
      const compactor = new Compactor({
        segments,
        index,
        move: (needle, segment) => this.#move(needle, segment),
        bury: (needle) => this.#bury(needle),
        dismiss: (id, segment) => this.#dismiss(id, segment),
        seal: () => writer.seal(),
        stopped: () => this.#closed || this.#serving !== serving,
      });
      return compactor.run(limit);
    });
  }

  status(): ChunkStoreStatus {
    const serving = this.#serving;
    if (serving === undefined) return { chunks: 0, liveBytes: 0, fileBytes: 0, quarantined: 0, full: false };
    const { index, segments } = serving;
    const { chunks, liveBytes, quarantined } = index;
    return { chunks, liveBytes, fileBytes: segments.fileBytes, quarantined, full: segments.full };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    const serving = this.#serving;
    if (serving === undefined) return;
    await serving.writer.close();
    await this.#upkeep;
    await stopServing(serving);
  }

  #chunkAppend(chunk: Chunk, key: string, ownerBytes: number, previous?: Place): Append {
    return new Append({
      purpose: 'put',
      kind: CHUNK_NEEDLE,
      id: chunk.id,
      key,
      data: chunk.data,
      checksums: chunk.checksums,
      owner: chunk.owner,
      ownerBytes,
      createdMs: this.#options.clock.nowMs(),
      replaces: previous === undefined ? 0 : previous.segment.number,
      previous,
    });
  }

  #tombstone(id: Uint8Array, key: string, previous: Place | undefined, replaces?: number): Append {
    return new Append({
      purpose: 'upkeep',
      kind: TOMBSTONE_NEEDLE,
      id,
      key,
      data: NO_DATA,
      checksums: NO_CHECKSUMS,
      owner: '',
      ownerBytes: 0,
      createdMs: this.#options.clock.nowMs(),
      replaces: replaces ?? previous?.segment.number ?? 0,
      previous,
    });
  }

  /** The way of nearly every put and delete: {@link #alone} without its promises. */
  #appendAlone(serving: Serving, append: Append): Promise<void> {
    append.holder = this.#inFlight;
    this.#inFlight.set(append.key, append.settled);
    return serving.writer.append(append);
  }

  /** Runs when no other operation on the chunk does. */
  async #alone<T>(key: string, run: (serving: Serving) => Promise<T>): Promise<T> {
    const serving = await this.#whenServing();
    for (let other = this.#inFlight.get(key); other !== undefined; other = this.#inFlight.get(key)) {
      await other.catch(() => undefined);
    }
    const result = run(this.#serving ?? serving);
    this.#inFlight.set(key, result);
    try {
      return await result;
    } finally {
      this.#inFlight.delete(key);
    }
  }

  /** False when the chunk has moved or gone since. */
  #quarantine(id: ChunkId, place: Place): Promise<boolean> {
    const copy = Buffer.from(id);
    return this.#alone(keyOf(copy), async ({ index }) => {
      const now = await index.look(copy);
      if (now === undefined || !isSamePlace(now, place) || isQuarantined(now.packed)) return false;
      index.quarantine(copy, now);
      return true;
    });
  }

  async #quarantineUnreported(id: ChunkId, place: Place): Promise<void> {
    const found = await this.#quarantine(id, place);
    if (found && this.#unreported.length < UNREPORTED_MAX) this.#unreported.push(Buffer.from(id));
  }

  async #isWhole(serving: Serving, id: ChunkId, place: Place): Promise<boolean> {
    this.#auditBuffer ??= Buffer.allocUnsafeSlow(limits.chunkBytes + limits.blockBytes);
    try {
      await serving.reader.read(id, place, 0, packedSize(place.packed), this.#auditBuffer, true);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Whether a read failed because the chunk is no longer there: its file was removed, or the store was
   * closed.
   */
  async #isGone(serving: Serving, id: ChunkId, place: Place): Promise<boolean> {
    if (this.#closed) throw closedFault();
    if (this.#serving !== serving) return true;
    if (!serving.segments.exists(place.segment)) this.#dropVanished(serving);
    const now = await serving.index.look(id);
    return now === undefined || !isSamePlace(now, place);
  }

  #dropVanished(serving: Serving): void {
    if (!this.#disk.exists(this.#options.directory)) {
      this.#startAgain();
      return;
    }
    for (const segment of serving.segments.dropVanished()) serving.index.forget(segment);
  }

  #move(needle: ScannedNeedle, segment: Segment): Promise<void> {
    const { id } = needle;
    const key = keyOf(id);
    return this.#alone(key, async (serving) => {
      const place = await serving.index.look(id);
      if (place?.segment !== segment || place.offset !== needle.offset) return;
      if (!needle.intact || isQuarantined(place.packed)) {
        this.#dismissAt(serving, id, place);
        return;
      }
      const { data, checksums, owner, ownerBytes, createdMs } = needle;
      const fields = {
        purpose: 'upkeep',
        kind: CHUNK_NEEDLE,
        previous: place,
        replaces: segment.number,
      } as const;
      await serving.writer.append(
        new Append({ ...fields, id, key, data, checksums, owner, ownerBytes, createdMs }),
      );
    });
  }

  #bury(needle: ScannedNeedle): Promise<boolean> {
    const key = keyOf(needle.id);
    return this.#alone(key, async (serving) => {
      if ((await serving.index.look(needle.id)) !== undefined) return false;
      await serving.writer.append(this.#tombstone(needle.id, key, undefined, needle.replaces));
      return true;
    });
  }

  #dismiss(id: Buffer, segment: Segment): Promise<void> {
    return this.#alone(keyOf(id), async (serving) => {
      const place = await serving.index.look(id);
      if (place?.segment === segment) this.#dismissAt(serving, id, place);
    });
  }

  /** The chunk goes with its segment, which is about to be freed. */
  #dismissAt(serving: Serving, id: Uint8Array, place: Place): void {
    const news = !isQuarantined(place.packed);
    if (news && this.#unreported.length < UNREPORTED_MAX) this.#unreported.push(id);
    serving.index.remove(id, place.segment, place);
  }

  #oneUpkeep<T>(run: (serving: Serving) => Promise<T>): Promise<T> {
    const result = this.#upkeep.then(async () => run(await this.#whenServing()));
    this.#upkeep = result.catch(() => undefined);
    return result;
  }

  async #whenServing(): Promise<Serving> {
    if (this.#closed) throw closedFault();
    if (this.#serving === undefined) {
      if (this.#opening === undefined) this.#startAgain();
      await this.#opening;
    }
    if (this.#closed || this.#serving === undefined) throw closedFault();
    return this.#serving;
  }

  #start(): Promise<Serving> {
    const { directory, clock, random, capacityBytes, segmentBytes } = this.#options;
    return startServing({
      ...{ directory, clock, random, capacityBytes, segmentBytes, disk: this.#disk },
      hotEntries: this.#options.hotEntries ?? limits.chunkHotEntries,
      indexEngine: this.#options.indexEngine ?? rocksIndexEngine,
      indexLost: () => this.#startAgain(),
      troubled: (serving) => {
        if (this.#serving === serving) this.#dropVanished(serving);
      },
    });
  }

  /** The directory is not the one that was opened, so it is opened anew, with what is in it now. */
  #startAgain(): void {
    if (this.#opening !== undefined || this.#closed) return;
    const old = this.#serving;
    const { clock } = this.#options;
    this.#serving = undefined;
    const attempt = async () => {
      if (old !== undefined) await abandonServing(old);
      if (clock.monotonicMs() - this.#openFailedMs < RETRY_MS)
        throw new Fault('busy', 'the directory cannot be opened');
      try {
        this.#serving = await this.#start();
      } catch (error) {
        this.#openFailedMs = clock.monotonicMs();
        throw new Fault('busy', 'the directory cannot be opened', { cause: error });
      } finally {
        this.#opening = undefined;
      }
    };
    this.#opening = attempt();
    this.#opening.catch(() => undefined);
  }
}

const isSamePlace = (a: Place, b: Place) => a.segment === b.segment && a.offset === b.offset;
const hex = (id: ChunkId) => Buffer.from(id).toString('hex');
const missing = (id: ChunkId) => new Fault('chunk-missing', `no chunk ${hex(id)}`);
const closedFault = () => new Fault('closed', 'the chunk store is closed');
