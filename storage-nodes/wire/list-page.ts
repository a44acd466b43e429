// Owns one page of a list on the wire: chunk after chunk, at most limits.wireListBytes, and whether it is the
// last. Budget: one buffer a page; what a reader keeps is copied out of it.

import { limits } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES, type ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import { FieldReader, FieldWriter } from './fields.ts';

export interface ListPage {
  readonly last: boolean;
  /** As it goes over the wire. */
  readonly bytes: Uint8Array;
  /** As it came from there. */
  readonly infos: readonly ChunkInfo[];
}

/** Id, size, time, length of the owner, owner. */
const INFO_BYTES_MAX = CHUNK_ID_BYTES + 4 + 8 + 2 + limits.chunkOwnerBytes;

const NOT_LAST = 0;
const LAST = 1;

/** Takes from the list what a page holds, and leaves the rest. */
export async function pageOf(infos: AsyncIterable<ChunkInfo>): Promise<ListPage> {
  const buffer = Buffer.allocUnsafe(limits.wireListBytes);
  const fields = new FieldWriter(buffer.length);
  fields.begin(buffer, 0);
  fields.uint8(LAST);
  for await (const info of infos) {
    fields.exactly(info.id);
    fields.uint32(info.sizeBytes);
    fields.float64(info.createdMs);
    fields.text(info.owner);
    if (buffer.length - fields.end < INFO_BYTES_MAX) {
      buffer[0] = NOT_LAST;
      return { last: false, bytes: buffer.subarray(0, fields.end), infos: [] };
    }
  }
  return { last: true, bytes: buffer.subarray(0, fields.end), infos: [] };
}

/** @throws WireError */
export function readPage(bytes: Uint8Array): ListPage {
  const fields = new FieldReader();
  fields.begin(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  const last = fields.uint8() === LAST;
  const infos: ChunkInfo[] = [];
  while (!fields.atEnd) {
    infos.push({
      id: fields.exactly(CHUNK_ID_BYTES),
      sizeBytes: fields.uint32(),
      createdMs: fields.float64(),
      owner: fields.text(),
    });
  }
  return { last, bytes, infos };
}
