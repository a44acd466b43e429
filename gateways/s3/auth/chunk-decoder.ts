// Owns the `aws-chunked` framing of a body: chunks with or without signatures, then trailing headers
// ("Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks", and "…
// Including Trailing Headers", Amazon S3 API Reference). Guarantee: finish() agrees only when every chunk
// and trailer was there, was of the announced length and carried its signature. Budget: no copy of data,
// one digest and two allocations a chunk.

import { createHash, type Hash, hash } from 'node:crypto';
import { limits } from '#core/kernel/limits.ts';
import { incompleteBody, type Refusal, refusal } from './refusal.ts';
import {
  type ChunkSigning,
  chunkSignature,
  EMPTY_SHA256,
  sameSignature,
  trailerSignature,
} from './signature-v4.ts';

export interface ChunkedFraming {
  readonly decodedBytes: number;
  /** Lower-case names of the trailing headers that must come. */
  readonly trailers: readonly string[];
  /** Undefined where chunks are not signed. */
  readonly signing: ChunkSigning | undefined;
}

const LINE_FEED = 0x0a;
const CHUNK_END = [0x0d, LINE_FEED] as const;
const SIGNED_HEADER = /^([0-9a-fA-F]{1,15});chunk-signature=([0-9a-f]{64})\r$/;
const UNSIGNED_HEADER = /^([0-9a-fA-F]{1,15})()\r$/;
const TRAILER_SIGNATURE = 'x-amz-trailer-signature';

const malformedChunk = refusal('InvalidRequest', 'The body is not well-formed aws-chunked data.');
const malformedTrailer = refusal(
  'MalformedTrailerError',
  'The request contained trailing data that was not well-formed or did not conform to our published schema.',
);
const signatureMismatch = refusal(
  'SignatureDoesNotMatch',
  'The request signature we calculated does not match the signature you provided. ' +
    'Check your key and signing method.',
);

/** Fed with pieces of a body, cut anywhere. */
export class ChunkDecoder {
  /** Data that the last step found: a view of what was fed. */
  data: Uint8Array | undefined;
  /** Why the body is not taken. Set once; then nothing more is to be fed. */
  refusal: Refusal | undefined;
  readonly trailers: Record<string, string> = {};
  readonly #framing: ChunkedFraming;
  /** What the next byte belongs to. */
  #state: 'header' | 'data' | 'data-end' | 'trailers' = 'header';
  #line = '';
  #decoded = 0;
  #chunks = 0;
  #chunkBytes = 0;
  #chunkLeft = 0;
  #chunkEnd = 0;
  #chunkHash: Hash | undefined;
  /** The signature that this chunk claims, and the one of the chunk before. */
  #claimed = '';
  #previous: string;
  #trailerBytes = 0;
  #canonicalTrailers = '';
  #trailerSignature: string | undefined;

  constructor(framing: ChunkedFraming) {
    this.#framing = framing;
    this.#previous = framing.signing?.seed ?? '';
  }

  /** Takes some of `bytes` from `offset` on, at least one, and returns how far it came. */
  step(bytes: Uint8Array, offset: number): number {
    this.data = undefined;
    switch (this.#state) {
      case 'header':
        return this.#header(bytes, offset);
      case 'data':
        return this.#chunkData(bytes, offset);
      case 'data-end':
        if (bytes[offset] !== CHUNK_END[this.#chunkEnd]) this.refusal = malformedChunk;
        this.#chunkEnd++;
        if (this.#chunkEnd === CHUNK_END.length) this.#state = 'header';
        return offset + 1;
      case 'trailers':
        return this.#trailerLine(bytes, offset);
    }
  }

  /** The body has ended. Undefined where it was all there. */
  finish(): Refusal | undefined {
    if (this.refusal !== undefined) return this.refusal;
    if (this.#state !== 'trailers') return incompleteBody;
    // The last line needs no end of its own: the body's length vouches for it.
    const unfit = this.#line === '' ? undefined : this.#trailer(this.#line);
    if (unfit !== undefined) return unfit;
    const { trailers, signing } = this.#framing;
    if (trailers.some((name) => !Object.hasOwn(this.trailers, name))) return malformedTrailer;
    if (signing === undefined || trailers.length === 0) return undefined;
    if (this.#trailerSignature === undefined) return malformedTrailer;
    const ours = trailerSignature(signing, this.#previous, hash('sha256', this.#canonicalTrailers));
    return sameSignature(ours, this.#trailerSignature) ? undefined : signatureMismatch;
  }

  /**
   * Adds to the line up to its line feed. Undefined, at the end of `bytes` or above `maxBytes`, when there
   * is none yet.
   */
  #readLine(bytes: Uint8Array, offset: number, maxBytes: number): string | undefined {
    const found = bytes.indexOf(LINE_FEED, offset);
    const end = found === -1 ? bytes.length : found;
    if (this.#line.length + end - offset > maxBytes) {
      this.refusal = this.#state === 'trailers' ? malformedTrailer : malformedChunk;
      return undefined;
    }
    const line =
      this.#line + Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString('latin1');
    this.#line = found === -1 ? line : '';
    return found === -1 ? undefined : line;
  }

  #header(bytes: Uint8Array, offset: number): number {
    const before = this.#line.length;
    const line = this.#readLine(bytes, offset, limits.s3ChunkHeaderBytes);
    if (line === undefined) return bytes.length;
    this.refusal = this.#openChunk(line);
    return offset + line.length - before + 1;
  }

  #openChunk(line: string): Refusal | undefined {
    const { signing, decodedBytes } = this.#framing;
    const parsed = (signing === undefined ? UNSIGNED_HEADER : SIGNED_HEADER).exec(line);
    if (!parsed) return malformedChunk;
    const sizeBytes = Number.parseInt(parsed[1] as string, 16);
    this.#claimed = parsed[2] as string;
    if (sizeBytes > 0 && this.#chunks > 0 && this.#chunkBytes < limits.s3ChunkBytesMin) {
      const message = 'Only the last chunk is allowed to have a size less than 8192 bytes';
      return refusal('InvalidChunkSizeError', message, {
        Chunk: String(this.#chunks),
        BadChunkSize: String(this.#chunkBytes),
      });
    }
    if (sizeBytes > decodedBytes - this.#decoded) return incompleteBody;
    this.#chunks++;
    this.#chunkBytes = sizeBytes;
    this.#chunkLeft = sizeBytes;
    this.#chunkEnd = 0;
    this.#state = 'data';
    if (sizeBytes > 0) return undefined;
    this.#state = 'trailers';
    if (this.#decoded < decodedBytes) return incompleteBody;
    return this.#closeChunk(EMPTY_SHA256);
  }

  #chunkData(bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.length, offset + this.#chunkLeft);
    const data = bytes.subarray(offset, end);
    this.#decoded += data.length;
    this.#chunkLeft -= data.length;
    if (this.#chunkLeft === 0) this.#state = 'data-end';
    this.refusal = this.#framing.signing && this.#digest(data);
    if (this.refusal === undefined) this.data = data;
    return end;
  }

  #digest(data: Uint8Array): Refusal | undefined {
    if (data.length === this.#chunkBytes) return this.#closeChunk(hash('sha256', data));
    this.#chunkHash ??= createHash('sha256');
    this.#chunkHash.update(data);
    if (this.#chunkLeft > 0) return undefined;
    const sha256 = this.#chunkHash.digest('hex');
    this.#chunkHash = undefined;
    return this.#closeChunk(sha256);
  }

  #closeChunk(sha256: string): Refusal | undefined {
    const { signing } = this.#framing;
    if (signing === undefined) return undefined;
    if (!sameSignature(chunkSignature(signing, this.#previous, sha256), this.#claimed)) {
      return signatureMismatch;
    }
    this.#previous = this.#claimed;
    return undefined;
  }

  #trailerLine(bytes: Uint8Array, offset: number): number {
    const before = this.#line.length;
    const line = this.#readLine(bytes, offset, limits.s3TrailerBytes - this.#trailerBytes);
    if (line === undefined) return bytes.length;
    this.#trailerBytes += line.length + 1;
    // Empty lines end nothing: some clients put one before the signature. The end is the body's.
    if (line !== '' && line !== '\r') this.refusal = this.#trailer(line);
    return offset + line.length - before + 1;
  }

  #trailer(line: string): Refusal | undefined {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const { trailers, signing } = this.#framing;
    if (this.#trailerSignature !== undefined) return malformedTrailer;
    if (name === TRAILER_SIGNATURE && signing !== undefined && trailers.length > 0) {
      this.#trailerSignature = value;
      return undefined;
    }
    if (!trailers.includes(name) || Object.hasOwn(this.trailers, name)) return malformedTrailer;
    this.trailers[name] = value;
    this.#canonicalTrailers += `${name}:${value}\n`;
    return undefined;
  }
}
