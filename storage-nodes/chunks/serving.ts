// Owns what serves a directory as it was found: segments, index, writer and reader, started and stopped
// together. Guarantees that it is replaced as a whole, never in part, when the directory turns out to be
// another.

import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { Append } from './append.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { GroupWriter } from './group-writer.ts';
import { pack } from './hot-index.ts';
import { CHUNK_NEEDLE, needleBytes, TOMBSTONE_NEEDLE } from './needle.ts';
import { type RecoveryOptions, recover } from './recovery.ts';
import type { Segment } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

export interface Serving {
  readonly segments: SegmentTable;
  readonly index: ChunkIndex;
  readonly writer: GroupWriter;
  readonly reader: ChunkReader;
  /** Ends when the index is in memory, as far as it fits. */
  readonly loading: Promise<void>;
  readonly stop: AbortController;
}

export interface ServingOptions extends RecoveryOptions {
  /** A batch could not be written: are the files still there? */
  readonly troubled: (serving: Serving) => void;
}

/** @throws Fault `locked` */
export async function startServing(options: ServingOptions): Promise<Serving> {
  const { segments, index } = await recover(options);
  const writer = new GroupWriter({
    segments,
    committed: (append, segment, offset) => commit(index, append, segment, offset),
    batchCommitted: (segment, bytes) => index.reached(segment, bytes),
    ready: () => (index.lags ? index.flush(false).catch(lagFault) : undefined),
    troubled: () => options.troubled(serving),
  });
  const stop = new AbortController();
  const loading = index.load(stop.signal).catch(() => undefined);
  const serving = { segments, index, writer, reader: new ChunkReader(segments.files), loading, stop };
  return serving;
}

/** After its writer was closed. */
export async function stopServing(serving: Serving): Promise<void> {
  serving.stop.abort();
  await serving.loading;
  try {
    await serving.index.close();
  } finally {
    await serving.segments.close();
  }
}

/** Fails what waits to be written: the files are gone. */
export async function abandonServing(serving: Serving): Promise<void> {
  await serving.writer.abandon(new Fault('closed', 'the directory was removed'));
  // What cannot be written there any more is in no need of it.
  await stopServing(serving).catch(() => undefined);
}

function commit(index: ChunkIndex, append: Append, segment: Segment, offset: number): void {
  const { id, previous, data, ownerBytes } = append;
  if (append.kind === TOMBSTONE_NEEDLE) {
    segment.tombstoneBytes += needleBytes(0, 0);
    if (previous !== undefined) index.remove(id, segment, previous);
    return;
  }
  assert(append.kind === CHUNK_NEEDLE, 'a needle is a chunk or a tombstone');
  index.put(append, { segment, offset, packed: pack(data.length, ownerBytes) }, previous);
}

function lagFault(error: unknown): never {
  const noSpace = error instanceof Error && /space/i.test(error.message);
  throw new Fault(noSpace ? 'no-space' : 'busy', 'the chunk index cannot be written', { cause: error });
}
