// Owns reading one chunk from its segment: the head and only the blocks that the range touches, each
// verified. Budget: a small read is one synchronous pread into the caller's buffer and no promise of its own;
// a large one is one read on the thread pool; nothing is copied.

import { assert } from '#core/kernel/assert.ts';
import type { DiskFile } from '#core/kernel/disk.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Place } from './chunk-index.ts';
import type { ChunkInfo } from './chunk-store.ts';
import { packedOwnerBytes, packedSize } from './hot-index.ts';
import { blocksMatch, decodeHead, headBytes, headIsOf, ownerOf } from './needle.ts';
import type { OpenFiles } from './segment.ts';

/** What was read is not what was written. */
class Damage extends Error {
  override readonly name = 'Damage';
}

// A cold synchronous read stalls the loop, so only as much as a disk reads in one go anyway is read that way.
const SYNC_BYTES_MAX = limits.blockBytes;
const NOTHING = new Uint8Array(0);

export class ChunkReader {
  readonly #files: OpenFiles;

  constructor(files: OpenFiles) {
    this.#files = files;
  }

  /**
   * @param patient always read on the thread pool: for a chunk that is likely to be cold, read for no client.
   * @throws Damage, or what the system says
   */
  read(
    id: Uint8Array,
    place: Place,
    offset: number,
    length: number,
    target: Uint8Array | undefined,
    patient = false,
  ): Uint8Array | Promise<Uint8Array> {
    const sizeBytes = packedSize(place.packed);
    const head = headBytes(sizeBytes, packedOwnerBytes(place.packed));
    const from = Math.min(offset, sizeBytes);
    const to = Math.min(from + length, sizeBytes);
    const firstBlock = Math.floor(from / limits.blockBytes);
    const blocksFrom = firstBlock * limits.blockBytes;
    const blocksTo = Math.min(sizeBytes, Math.ceil(to / limits.blockBytes) * limits.blockBytes);
    const blocksBytes = Math.max(0, blocksTo - blocksFrom);
    if (from === to && sizeBytes > 0) return NOTHING;
    const wanted = head + blocksBytes;
    assert(
      target === undefined || target.length >= wanted,
      'the target has room for a chunk and a block more',
    );
    const buffer =
      target === undefined
        ? Buffer.allocUnsafe(wanted)
        : Buffer.from(target.buffer, target.byteOffset, wanted);
    const file = this.#files.handle(place.segment.file);
    if (blocksBytes > SYNC_BYTES_MAX || patient) {
      return this.#readOnPool(file, buffer, place, head, blocksFrom).then(() => {
        verify(buffer, id, place, head, firstBlock);
        return buffer.subarray(head + from - blocksFrom, head + to - blocksFrom);
      });
    }
    readParts(file, buffer, place.offset, head, blocksFrom);
    verify(buffer, id, place, head, firstBlock);
    return buffer.subarray(head + from - blocksFrom, head + to - blocksFrom);
  }

  /** @throws Damage, or what the system says */
  info(id: Uint8Array, place: Place): ChunkInfo {
    const length = headBytes(packedSize(place.packed), packedOwnerBytes(place.packed));
    const buffer = Buffer.allocUnsafe(length);
    if (this.#files.handle(place.segment.file).readSync(buffer, place.offset) < length)
      throw new Damage('cut short');
    verify(buffer, id, place, length, 0);
    const head = decodeHead(buffer, 0, place.segment.salt, place.offset);
    if (head === undefined) throw new Damage('no needle');
    const { sizeBytes, createdMs } = head;
    return { id: head.id, sizeBytes, createdMs, owner: ownerOf(buffer, 0, head) };
  }

  async #readOnPool(
    file: DiskFile,
    buffer: Buffer,
    place: Place,
    head: number,
    blocksFrom: number,
  ): Promise<void> {
    place.segment.file.pin();
    try {
      if (blocksFrom === 0) {
        expect(await file.read(buffer, place.offset), buffer.length);
        return;
      }
      const blocks = buffer.subarray(head);
      expect(await file.read(buffer.subarray(0, head), place.offset), head);
      expect(await file.read(blocks, place.offset + head + blocksFrom), blocks.length);
    } finally {
      place.segment.file.unpin();
    }
  }
}

function readParts(file: DiskFile, buffer: Buffer, at: number, head: number, blocksFrom: number): void {
  if (blocksFrom === 0) {
    expect(file.readSync(buffer, at), buffer.length);
    return;
  }
  const blocks = buffer.subarray(head);
  expect(file.readSync(buffer.subarray(0, head), at), head);
  expect(file.readSync(blocks, at + head + blocksFrom), blocks.length);
}

function expect(bytes: number, wanted: number): void {
  if (bytes < wanted) throw new Damage(`the file ends ${wanted - bytes} bytes early`);
}

function verify(buffer: Buffer, id: Uint8Array, place: Place, head: number, firstBlock: number): void {
  if (!headIsOf(buffer, id, place.segment.salt, place.offset, head))
    throw new Damage('no needle of this chunk');
  if (!blocksMatch(buffer, firstBlock, buffer.subarray(head)))
    throw new Damage('a block does not match its checksum');
}
