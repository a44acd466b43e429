// Owns the durable read store: all tables in one LevelDB, told apart by a prefix, so that one atomic, synced
// batch carries the rows and checkpoints of all of them. Only the last unsynced batch can be torn by a crash,
// and then rows and checkpoints are both as they were before it.

import { statfs } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Level } from 'level';
import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { KIB, limits, MIB } from '#core/kernel/limits.ts';
import { type Compactable, DeletionSweep } from './deletion-sweep.ts';
import { compareKeys, endOfPrefix } from './key-order.ts';
import { checkpointKey, LevelBatch, LevelBatches, rowPrefix, type WriteBatch } from './level-batch.ts';
import type { Row, RowCursor, RowRange } from './projection.ts';
import type { Checkpoint, ReadStore, RowBatch, TableWrite } from './read-store.ts';

type Database = Level<string, Uint8Array>;

// Larger than the engine's own choice: fewer, larger files make a rebuild cost a tenth less.
const WRITE_BUFFER_BYTES = 32 * MIB;
const FILE_BYTES = 8 * MIB;
const CACHE_BYTES = 32 * MIB;
const BLOCK_BYTES = 8 * KIB;
/** A batch is encoded in slices, so that requests are served in between. */
const ENCODE_SLICE_ROWS = 512;

/**
 * @param directory made if it is not there.
 * @throws Fault `locked` when another process has it, `corruption` when the engine refuses the files (which
 * may be removed: read models are rebuilt from the log).
 */
export async function openLevelStore(directory: string): Promise<ReadStore> {
  const database: Database = new Level<string, Uint8Array>(directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    cacheSize: CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxFileSize: FILE_BYTES,
    blockSize: BLOCK_BYTES,
    // Processor time is dearer than room on the disk: a rebuild costs a seventh less without it.
    compression: false,
  });
  try {
    await database.open();
  } catch (cause) {
    throw openFault(directory, cause);
  }
  return new LevelStore(database, directory);
}

function openFault(directory: string, error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'LEVEL_LOCKED') {
    return new Fault('locked', `another process has the read models in ${directory}`, { cause });
  }
  if (code === 'LEVEL_CORRUPTION') {
    const message = `the read models in ${directory} are damaged; remove them and they are rebuilt`;
    return new Fault('corruption', message, { cause });
  }
  return error;
}

class LevelStore implements ReadStore {
  readonly #database: Database;
  readonly #directory: string;
  readonly #batches: LevelBatches;
  readonly #sweep: DeletionSweep;
  #writing = false;

  constructor(database: Database, directory: string) {
    this.#database = database;
    this.#batches = new LevelBatches(database);
    // On Node the engine is classic-level, which has more than the types that browsers share.
    this.#sweep = new DeletionSweep(database as unknown as Compactable);
    this.#directory = directory;
  }

  get(table: string, key: string): Uint8Array | undefined {
    return this.#database.getSync(rowPrefix(table) + key);
  }

  scan(table: string, range: RowRange): RowCursor {
    return new LevelCursor(this.#database, rowPrefix(table), range);
  }

  checkpoint(table: string): Checkpoint | undefined {
    const value = this.#database.getSync(checkpointKey(table));
    return value === undefined ? undefined : (JSON.parse(Buffer.from(value).toString()) as Checkpoint);
  }

  async write(writes: readonly TableWrite[]): Promise<void> {
    // Before anything is encoded, for it is tried again and again.
    await this.#refuseWhenFull();
    const batch = this.batch();
    let encoded = 0;
    for (const { table, rows } of writes) {
      for (const [key, value] of rows) {
        if (value === undefined) batch.delete(table, key);
        else batch.put(table, key, value);
        if (++encoded % ENCODE_SLICE_ROWS === 0) await setImmediate();
      }
    }
    await batch.commit(new Map(writes.map(({ table, checkpoint }) => [table, checkpoint])));
  }

  batch(): RowBatch {
    return new LevelBatch({ batches: this.#batches, onDelete: this.#noteDeletion, write: this.#writeBatch });
  }

  readonly #noteDeletion = (table: string, key: string): void => this.#sweep.note(table, key);

  readonly #writeBatch: WriteBatch = async (batch) => {
    assert(!this.#writing, 'one write at a time');
    this.#writing = true;
    try {
      await this.#refuseWhenFull();
      if (this.#database.status !== 'open') throw new Fault('closed', 'the read models are closed');
      await batch._write({ sync: true });
      this.#sweep.begin();
    } finally {
      this.#writing = false;
    }
  };

  async wipe(table: string): Promise<void> {
    // The checkpoint first: a wipe that a crash cut short is then taken up again.
    await this.#database.del(checkpointKey(table), { sync: true });
    const prefix = rowPrefix(table);
    await this.#database.clear({ gte: prefix, lt: endOfPrefix(prefix) as string });
  }

  async close(): Promise<void> {
    await this.#sweep.settled();
    await this.#database.close();
  }

  async #refuseWhenFull(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < limits.readModelReserveBytes) {
      throw new Fault('no-space', `too little space is left for the read models in ${this.#directory}`);
    }
  }
}

class LevelCursor implements RowCursor {
  readonly #iterator: ReturnType<Database['iterator']>;
  readonly #prefix: string;
  /** No key at or below it is of interest: the engine takes a target outside the range for its end. */
  #floor: string;

  constructor(database: Database, prefix: string, range: RowRange) {
    this.#prefix = prefix;
    this.#floor = range.gte;
    this.#iterator = database.iterator({
      gte: prefix + range.gte,
      lt: range.lt === undefined ? (endOfPrefix(prefix) as string) : prefix + range.lt,
      highWaterMarkBytes: limits.readModelScanBytes,
    } as Parameters<Database['iterator']>[0]);
  }

  async next(limit: number): Promise<readonly Row[]> {
    const entries = await this.#iterator.nextv(limit);
    const rows = new Array<Row>(entries.length);
    for (let at = 0; at < entries.length; at++) {
      const [key, value] = entries[at] as [string, Uint8Array];
      rows[at] = { key: key.slice(this.#prefix.length), value };
    }
    this.#floor = rows.at(-1)?.key ?? this.#floor;
    return rows;
  }

  seek(key: string): void {
    if (compareKeys(key, this.#floor) <= 0) return;
    this.#floor = key;
    this.#iterator.seek(this.#prefix + key);
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}
