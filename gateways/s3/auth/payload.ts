// Owns the way from the bytes on the wire to the bytes of the object, for every payload mode. Guarantee:
// where the client signed its payload, end() is called only for exactly the bytes that it signed. Budget:
// no copy.

import { createHash, type Hash, hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import type { Authenticated } from './authenticate.ts';
import { ChunkedPayload } from './chunked-payload.ts';
import { BodyRefused, entityTooLarge, refusal } from './refusal.ts';
import { EMPTY_SHA256 } from './signature-v4.ts';

export interface PayloadSource extends ByteSource {
  /** Trailing headers by lower-case name; complete once the sink's end() is called. */
  readonly trailers: Readonly<Record<string, string>>;
}

export interface PayloadOptions {
  /** Of the object: framing does not count. */
  readonly maxBytes: number;
  /**
   * Who digests a payload signed as a whole: `here` (the default), on this thread, or `by-writer`: the caller
   * asks the blob stream for `sha256` and calls {@link checkWrittenSha256} before it names the bytes.
   */
  readonly sha256?: 'here' | 'by-writer';
}

/**
 * The payload of a request, from its body. Its sink fails with BodyRefused or with what the body failed with.
 * @throws BodyRefused `EntityTooLarge`, `MissingContentLength`, `NotImplemented` (length unknown).
 */
export function payloadSource(
  body: ByteSource,
  authenticated: Authenticated,
  options: PayloadOptions,
): PayloadSource {
  const { payload, signing } = authenticated;
  const sizeBytes = payload.kind === 'chunked' ? payload.decodedBytes : body.sizeBytes;
  if (sizeBytes === undefined) throw new BodyRefused(lengthRequired);
  if (sizeBytes > options.maxBytes) throw new BodyRefused(entityTooLarge(sizeBytes, options.maxBytes));
  if (payload.kind === 'chunked') {
    return new ChunkedPayload(body, { ...payload, signing: payload.signed ? signing : undefined });
  }
  const inWriter = payload.kind === 'unsigned' || options.sha256 === 'by-writer';
  return inWriter ? new PlainPayload(body) : new SignedPayload(body, payload.sha256);
}

const lengthRequired = refusal(
  'NotImplemented',
  'A header you provided implies functionality that is not implemented',
  { Header: 'Transfer-Encoding' },
);

/**
 * Of a payload signed as a whole, and of no other: the digest of what was written must be the signed one.
 * @throws BodyRefused `XAmzContentSHA256Mismatch`.
 */
export function checkWrittenSha256(authenticated: Authenticated, sha256: Uint8Array | undefined): void {
  if (authenticated.payload.kind !== 'signed') return;
  const computed = sha256 === undefined ? EMPTY_SHA256 : Buffer.from(sha256).toString('hex');
  const mismatch = sha256Mismatch(authenticated.payload.sha256, computed);
  if (mismatch !== undefined) throw mismatch;
}

function sha256Mismatch(signed: string, computed: string): BodyRefused | undefined {
  if (signed === computed) return undefined;
  const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
  return new BodyRefused(
    refusal('XAmzContentSHA256Mismatch', message, {
      ClientComputedContentSHA256: signed,
      S3ComputedContentSHA256: computed,
    }),
  );
}

const MD5_BASE64 = /^[A-Za-z0-9+/]{22}==$/;

/**
 * The 16 bytes of Content-MD5 (RFC 1864); undefined where it was not sent.
 * @throws BodyRefused `InvalidDigest`.
 */
export function contentMd5(headers: IncomingHttpHeaders): Buffer | undefined {
  const given = headers['content-md5'];
  if (given === undefined) return undefined;
  if (typeof given === 'string' && MD5_BASE64.test(given)) return Buffer.from(given, 'base64');
  throw new BodyRefused(refusal('InvalidDigest', 'The Content-MD5 you specified was invalid.'));
}

const NO_TRAILERS: Readonly<Record<string, string>> = Object.freeze({});

class PlainPayload implements PayloadSource {
  readonly sizeBytes: number | undefined;
  readonly trailers = NO_TRAILERS;
  readonly #body: ByteSource;

  constructor(body: ByteSource) {
    this.sizeBytes = body.sizeBytes;
    this.#body = body;
  }

  start(sink: ByteSink): void {
    this.#body.start(sink);
  }

  pause(): void {
    this.#body.pause();
  }

  resume(): void {
    this.#body.resume();
  }

  cancel(): void {
    this.#body.cancel();
  }
}

/** Digests what passes, and compares at the end. */
class SignedPayload extends PlainPayload {
  readonly #signed: string;
  #hash: Hash | undefined;
  #computed: string | undefined;

  constructor(body: ByteSource, signed: string) {
    super(body);
    this.#signed = signed;
  }

  override start(sink: ByteSink): void {
    super.start({
      write: (bytes) => {
        this.#digest(bytes);
        sink.write(bytes);
      },
      end: () => {
        const computed = this.#computed ?? this.#hash?.digest('hex') ?? EMPTY_SHA256;
        const mismatch = sha256Mismatch(this.#signed, computed);
        if (mismatch === undefined) sink.end();
        else sink.fail(mismatch);
      },
      fail: (error) => sink.fail(error),
    });
  }

  #digest(bytes: Uint8Array): void {
    // A small body comes in one piece; then a one-shot digest saves the object.
    if (this.#hash === undefined && bytes.length === this.sizeBytes) {
      this.#computed = hash('sha256', bytes);
      return;
    }
    this.#hash ??= createHash('sha256');
    this.#hash.update(bytes);
  }
}
