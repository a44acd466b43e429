// Owns the upload of many objects as one archive
// (https://docs.openstack.org/swift/latest/middleware.html, "Extract Archive"). Guarantees: each file becomes
// an object as it comes, with as little memory as one; no name leads anywhere but below what is addressed;
// what an archive grows to is bounded.

import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { PulledBody, sourceOf } from '#gateways/edge/pulled-body.ts';
import { acceptBucket, objectBody, type SwiftCall } from '../call.ts';
import { failureOf, SwiftError } from '../errors.ts';
import { objectHeadersOf } from '../headers.ts';
import { type Address, checkNames } from '../paths.ts';
import { inTurn } from '../rate-limits.ts';
import { type TarEntry, TarFailure, tarEntries } from '../tar-entries.ts';
import { replyBulk } from './delete-many.ts';
import { storeBytes } from './write-object.ts';

interface Extraction {
  created: number;
  readonly failed: (readonly [path: string, status: string])[];
  /** That are there, as far as was seen. */
  readonly containers: Set<string>;
}

export async function extractArchive(call: SwiftCall): Promise<void> {
  const format = call.query.get('extract-archive');
  if (format === 'tar.bz2') throw new SwiftError(501);
  if (format !== 'tar' && format !== 'tar.gz') throw new SwiftError(400, 'Unsupported archive format');
  const body = new PulledBody(objectBody(call));
  const plain = format === 'tar' ? piecesOf(body) : unzipped(body);
  const extraction: Extraction = { created: 0, failed: [], containers: new Set() };
  let wrong = '';
  try {
    await extract(call, tarEntries(bounded(plain)), extraction);
    if (extraction.created === 0) wrong = 'Invalid Tar File: No Valid Files';
  } catch (error) {
    const failure = tarFailureIn(error);
    if (!failure) throw error;
    wrong = `Invalid Tar File: ${failure.message}`;
  } finally {
    body.cancel();
  }
  const { created, failed } = extraction;
  const status = wrong !== '' || failed.length > 0 ? '400 Bad Request' : '201 Created';
  replyBulk(call, { 'Number Files Created': created }, status, failed.length > 0 ? '' : wrong, failed);
}

const CAUSES_MAX = 8;

/** Also where the bytes of an object ended with it. */
function tarFailureIn(error: unknown): TarFailure | undefined {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at instanceof TarFailure) return at;
    at = at.cause;
  }
  return undefined;
}

async function* piecesOf(body: PulledBody): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = await body.next();
    if (!piece) return;
    yield piece;
  }
}

async function* unzipped(body: PulledBody): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  // What goes wrong is told to who reads it.
  pipeline(Readable.from(piecesOf(body), { highWaterMark: 1 }), gunzip, () => undefined);
  try {
    yield* gunzip;
  } catch (error) {
    const isZlibs = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
    throw isZlibs ? new TarFailure('it is not compressed with gzip') : error;
  }
}

/** Whatever a small archive grows to. */
async function* bounded(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > limits.s3PutBytes) throw new SwiftError(413, 'The archive grows too large.');
    yield piece;
  }
}

async function extract(
  call: SwiftCall,
  entries: AsyncIterable<TarEntry>,
  extraction: Extraction,
): Promise<void> {
  let count = 0;
  for await (const entry of entries) {
    if (++count > limits.swiftArchiveEntries) {
      throw new SwiftError(413, `More than ${limits.swiftArchiveEntries} entries in an archive`);
    }
    if (!entry.isFile) continue;
    const to = destinationOf(call, entry.name);
    if (to === 'none') continue;
    const path = entry.name ?? '';
    if (to === 'invalid') extraction.failed.push([path, '412 Precondition Failed']);
    else await store(call, entry, to, extraction);
    if (extraction.failed.length >= limits.swiftArchiveFailures) return;
  }
}

/** `none`: a file above all containers, which cannot be. */
function destinationOf(call: SwiftCall, name: string | undefined): Address | 'none' | 'invalid' {
  if (name === undefined || name.includes('\0')) return 'invalid';
  const bare = name.replace(/^(\.\/)+/, '').replace(/^\/+/, '');
  if (bare.split('/').some((part) => part === '..' || part === '.')) return 'invalid';
  const { project, container, object } = call;
  if (container !== '') {
    const below = object === '' ? bare : `${object.replace(/\/$/, '')}/${bare}`;
    return bare === '' ? 'none' : { project, container, object: below };
  }
  const slash = bare.indexOf('/');
  if (slash <= 0 || slash === bare.length - 1) return 'none';
  return { project, container: bare.slice(0, slash), object: bare.slice(slash + 1) };
}

async function store(call: SwiftCall, entry: TarEntry, to: Address, extraction: Extraction): Promise<void> {
  const { body, sizeBytes } = entry;
  let isBegun = false;
  const content = async function* () {
    isBegun = true;
    yield* body;
  };
  try {
    checkNames(to);
    await makeContainer(call, to, extraction);
    await inTurn(call, 'put_object', to);
    const nowMs = call.gateway.clock.nowMs();
    const { 'x-delete-at': at, 'x-delete-after': after } = call.request.headers;
    const described = objectHeadersOf({ 'x-delete-at': at, 'x-delete-after': after }, nowMs);
    if (sizeBytes > limits.s3PutBytes) throw new SwiftError(413);
    await storeBytes(call.gateway, call.caller, to, sourceOf(content(), sizeBytes), described);
    extraction.created++;
  } catch (error) {
    const { status, message } = failureOf(error);
    // Behind bytes that were begun nobody knows where the next entry is.
    if (isBegun || status >= 500) throw error;
    extraction.failed.push([`${to.container}/${to.object}`, `${status} ${message}`]);
  }
}

async function makeContainer(call: SwiftCall, to: Address, { containers }: Extraction): Promise<void> {
  const { container } = to;
  if (containers.has(container)) return;
  await inTurn(call, 'create_container', to);
  const { cloud, region, policies } = call.gateway;
  const properties = policies.propertiesOf(undefined);
  const made = await cloud.buckets.create(call.caller, container, region, { scope: 'own', properties });
  const isThere = isRejected(made) && made.rejected === 'bucket-owned-by-caller';
  if (!isThere) acceptBucket(made);
  containers.add(container);
}
