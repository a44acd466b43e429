// Owns the reading of objects that are made of others: the parts that are named, or all below a prefix, one
// after the other, each as it was when it was named. Guarantees: no byte is read before every part that is
// wanted was found unchanged; parts that follow each other are read as one run, so reading ahead goes on
// across them; memory does not grow with their number.

import { createHash } from 'node:crypto';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AssembledPart } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { BlobExtent, BlobTarget, ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { bucketIdOf } from './bucket-names.ts';
import type { ServiceContext } from './context.ts';
import type { Sealed, SealedBlobs } from './sealed-blobs.ts';

/** What can be read. */
export type Readable = Sealed & Pick<StoredObject, 'assembly'>;

/** Bytes `offset` to `offset + length` of the segments together. */
interface Run {
  readonly segments: BlobExtent[];
  readonly offset: number;
  length: number;
  /** It ends where its last segment does. */
  isWhole: boolean;
}

interface Piece {
  readonly part: AssembledPart;
  readonly offset: number;
  readonly length: number;
}

const RUN_SEGMENTS = 10_000;

export class AssembledObjects {
  readonly #context: ServiceContext;
  readonly #sealed: SealedBlobs;

  constructor(context: ServiceContext, sealed: SealedBlobs) {
    this.#context = context;
    this.#sealed = sealed;
  }

  /** With all parts named, and the size and etag of what it reads as. */
  async whole(object: StoredObject): Promise<StoredObject> {
    const { assembly } = object;
    if (!assembly || assembly.bucket === '' || assembly.link) return object;
    const parts: AssembledPart[] = [];
    const bucket = this.#bucketOf(object, assembly.bucket);
    const digest = createHash('md5');
    let sizeBytes = 0;
    for (let after = '', more = true; more; ) {
      const request = { bucket, prefix: assembly.prefix, delimiter: '', after, limit: limits.s3PageKeys };
      const page = await this.#context.objects.list(request);
      for (const { key, etag, sizeBytes: partBytes } of page.objects) {
        const wholeBytes = partBytes;
        parts.push({ bucket: assembly.bucket, key, etag, offset: 0, sizeBytes: partBytes, wholeBytes });
        digest.update(etag);
        sizeBytes += partBytes;
      }
      more = page.truncated;
      after = page.last;
      if (parts.length > limits.joinedParts) throw tooMany(object);
    }
    return { ...object, sizeBytes, etag: digest.digest('hex'), assembly: { ...assembly, parts } };
  }

  /**
   * What a link stands for in the end, as it reads; whatever is no link stands for itself. Undefined where
   * nothing is there, or another owner's.
   * @throws Fault `conflict`: it is not what it was, or there are too many links
   */
  async followed(object: StoredObject): Promise<StoredObject | undefined> {
    const { buckets, objects } = this.#context;
    const etags = new Set<string>();
    const endsMs: number[] = [];
    let at = object;
    for (let links = 0; at.assembly?.link; links++) {
      const { bucket, prefix, link } = at.assembly;
      if (links === limits.links) throw new Fault('conflict', `${object.key} is a link to too many links`);
      const owner = buckets.get(at.bucket)?.owner ?? '';
      if (link.etag !== '') etags.add(link.etag);
      if (at.expiresMs !== undefined) endsMs.push(at.expiresMs);
      const isOthers = link.account !== '' && link.account !== owner;
      const next = isOthers ? undefined : objects.get(bucketIdOf(buckets, owner, bucket), prefix);
      if (!next) return undefined;
      at = next;
    }
    const found = await this.whole(at);
    for (const etag of etags) {
      if (etag !== found.etag) throw new Fault('conflict', `what ${object.key} links to is not what it was`);
    }
    if (endsMs.length === 0) return found;
    // What one comes to by a link ends with the link.
    return { ...found, expiresMs: Math.min(...endsMs, found.expiresMs ?? Number.POSITIVE_INFINITY) };
  }

  async read(object: Readable, offset: number, length: number, target: BlobTarget): Promise<void> {
    await this.#verify(object, offset, length);
    for await (const run of this.#runs(object, offset, length, 0)) {
      await this.#context.blobs.read(run.segments, run.offset, run.length, target);
    }
  }

  source(object: Readable, offset: number, length: number): ByteSource {
    return new RunsSource(this.#context, length, async () => {
      await this.#verify(object, offset, length);
      return this.#runs(object, offset, length, 0);
    });
  }

  async #verify(object: Readable, offset: number, length: number): Promise<void> {
    for (const { part } of piecesOf(object, offset, length)) await this.#partOf(object, part);
  }

  async *#runs(object: Readable, offset: number, length: number, depth: number): AsyncGenerator<Run> {
    if (depth > limits.assembledDepth) throw new Fault('conflict', 'objects are made of others too deeply');
    if (!object.assembly) {
      yield { segments: [...(await this.#sealed.extents(object))], offset, length, isWhole: false };
      return;
    }
    let run: Run | undefined;
    for (const piece of piecesOf(object, offset, length)) {
      const from = await this.#partOf(object, piece.part);
      if (from.assembly) {
        if (run) yield run;
        run = undefined;
        yield* this.#runs(from, piece.offset, piece.length, depth + 1);
        continue;
      }
      const opened = this.#sealed.extents(from);
      const extents = opened instanceof Promise ? await opened : opened;
      const wholeBytes = extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
      const isWhole = piece.offset + piece.length === wholeBytes;
      if (run?.isWhole && piece.offset === 0 && run.segments.length < RUN_SEGMENTS) {
        for (const extent of extents) run.segments.push(extent);
        run.length += piece.length;
        run.isWhole = isWhole;
      } else {
        if (run) yield run;
        run = { segments: [...extents], offset: piece.offset, length: piece.length, isWhole };
      }
    }
    if (run) yield run;
  }

  /** @throws Fault `conflict`: it is gone, or not what it was. */
  async #partOf(object: Readable, part: AssembledPart): Promise<Readable> {
    // Bytes of its own.
    if (part.bucket === '') {
      const { segments, bucket, encryption } = object;
      return { segments, bucket, ...(encryption && { encryption }) };
    }
    const stored = this.#context.objects.get(this.#bucketOf(object, part.bucket), part.key);
    const found = stored?.assembly ? await this.whole(stored) : stored;
    if (found?.encryption?.by === 'customer') {
      throw new Fault('conflict', `the part ${part.key} of an object is encrypted under a customer's key`);
    }
    if (found?.etag === part.etag && found.sizeBytes === part.wholeBytes) return found;
    throw new Fault('conflict', `the part ${part.key} of an object is not what it was`);
  }

  /** Parts lie in buckets of whoever has the object. */
  #bucketOf({ bucket }: Readable, name: string): string {
    const { buckets } = this.#context;
    return bucketIdOf(buckets, buckets.get(bucket)?.owner ?? '', name);
  }
}

function* piecesOf({ assembly }: Readable, offset: number, length: number): Iterable<Piece> {
  let from = 0;
  for (const part of assembly?.parts ?? []) {
    const first = Math.max(offset, from);
    const end = Math.min(offset + length, from + part.sizeBytes);
    if (first < end) yield { part, offset: part.offset + first - from, length: end - first };
    from += part.sizeBytes;
    if (from >= offset + length) return;
  }
}

function tooMany({ key }: StoredObject): Fault {
  return new Fault('conflict', `more than ${limits.joinedParts} objects are to be read as ${key}`);
}

/** One run after the other, as one body. */
class RunsSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #context: ServiceContext;
  readonly #begin: () => Promise<AsyncGenerator<Run>>;
  #current: ByteSource | undefined;
  #paused = false;
  #cancelled = false;

  constructor(context: ServiceContext, sizeBytes: number, begin: () => Promise<AsyncGenerator<Run>>) {
    this.#context = context;
    this.sizeBytes = sizeBytes;
    this.#begin = begin;
  }

  start(sink: ByteSink): void {
    this.#run(sink).then(
      () => {
        if (!this.#cancelled) sink.end();
      },
      (error: unknown) => {
        if (!this.#cancelled) sink.fail(error as Error);
      },
    );
  }

  pause(): void {
    this.#paused = true;
    this.#current?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#current?.resume();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#current?.cancel();
  }

  async #run(sink: ByteSink): Promise<void> {
    for await (const { segments, offset, length } of await this.#begin()) {
      if (this.#cancelled) return;
      const source = this.#context.blobs.source(segments, offset, length);
      this.#current = source;
      await new Promise<void>((resolve, reject) => {
        source.start({ write: (bytes) => sink.write(bytes), end: resolve, fail: reject });
        if (this.#paused) source.pause();
      });
    }
  }
}
