// Owns the reading of tar archives by tar-stream: one entry after the other, as they come. Guarantee: never
// holds more than a few pieces of the body and what stands between two entries, which is bounded.

import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { limits } from '#core/kernel/limits.ts';

/** What no archive has. */
export class TarFailure extends Error {
  override readonly name = 'TarFailure';
}

export interface TarEntry {
  /** Undefined where it is no UTF-8. */
  readonly name: string | undefined;
  /** Not a folder, a link, or anything else that has no bytes. */
  readonly isFile: boolean;
  readonly sizeBytes: number;
  /** What is not taken of it is skipped when the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

const OPTIONS = {
  highWaterMark: 1,
  /** Byte by byte, so that what is no UTF-8 is not made the same as something else. */
  filenameEncoding: 'latin1',
  allowUnknownFormat: true,
};
const FILES: readonly unknown[] = ['file', 'contiguous-file'];
const UNREADABLE = '\ufffd';

/** What brings the archive. */
interface Feed {
  /** Since bytes of an entry were taken. */
  headBytes: number;
  failure?: unknown;
}

/** @throws TarFailure, and what the pieces fail with */
export async function* tarEntries(pieces: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const archive = extract(OPTIONS);
  const feed: Feed = { headBytes: 0 };
  const source = Readable.from(fed(pieces, feed), { highWaterMark: 1 });
  source.once('error', (error) => archive.destroy(error));
  source.pipe(archive as unknown as NodeJS.WritableStream);
  try {
    for await (const entry of archive) {
      feed.headBytes = 0;
      const { size, type } = entry.header;
      const name = nameOf(entry.header);
      const isFile = FILES.includes(type) && !name?.endsWith('/');
      // The body of a folder that says it has a size never ends.
      const body = bodyOf(type === 'directory' ? [] : entry, feed);
      yield { name, isFile, sizeBytes: size, body };
      for await (const _ of body);
    }
  } catch (error) {
    throw failureOf(error, feed);
  } finally {
    source.destroy();
    archive.destroy();
  }
}

async function* fed(pieces: AsyncIterable<Buffer>, feed: Feed): AsyncGenerator<Buffer> {
  try {
    for await (const piece of pieces) {
      if (feed.headBytes > limits.swiftArchiveHeadBytes) throw new TarFailure('a header is too long');
      feed.headBytes += piece.length;
      yield piece;
    }
  } catch (error) {
    feed.failure = error;
    throw error;
  }
}

async function* bodyOf(
  entry: AsyncIterable<unknown> | Iterable<unknown>,
  feed: Feed,
): AsyncGenerator<Buffer> {
  try {
    for await (const piece of entry) {
      feed.headBytes = 0;
      yield piece as Buffer;
    }
  } catch (error) {
    throw failureOf(error, feed);
  }
}

function failureOf(error: unknown, { failure }: Feed): unknown {
  if (failure !== undefined) return failure;
  if (error instanceof TarFailure) return error;
  return new TarFailure(error instanceof Error ? error.message : String(error), { cause: error });
}

function nameOf({ name, pax }: Header): string | undefined {
  // What an extended header says was read as UTF-8 already.
  if (typeof pax === 'object' && pax !== null && 'path' in pax && pax.path === name) {
    return name.includes(UNREADABLE) ? undefined : name;
  }
  const bytes = Buffer.from(name, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}
