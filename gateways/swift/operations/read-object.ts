// Owns GET and HEAD of objects: conditions, one range or several, and what an object made of others is made
// of.

import { ResponseBody } from '#gateways/edge/response-body.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { header, type SwiftCall } from '../call.ts';
import { ifRangeHolds, judgeRead } from '../conditions.ts';
import { SwiftError } from '../errors.ts';
import { objectAnswer } from '../headers.ts';
import { pathOf } from '../paths.ts';
import { type ByteRange, rangesOf } from '../ranges.ts';
import { complete, replyEmpty, replyHead } from '../reply.ts';
import { signedAnswer } from '../temp-url.ts';
import { foundBy, foundThere, judgeParts } from './find-object.ts';
import { showManifest } from './manifests.ts';
import { askedVersion } from './versions.ts';

export async function readObject(call: SwiftCall): Promise<void> {
  const { objects } = call.gateway.cloud;
  const isLinkAsked = call.query.get('symlink') === 'get';
  const version = await askedVersion(call);
  const found = isLinkAsked ? await foundThere(call, version) : await foundBy(call, version);
  const { object } = found;
  if (call.query.get('multipart-manifest') === 'get' && (await showManifest(found.call, object))) return;
  await judgeParts(found.call, object);
  if (call.request.method === 'GET') checkOpen(object);
  const plain = objectAnswer(call, object);
  const headers = call.signed ? signedAnswer(plain, call.signed, call.object) : plain;
  if (found.call !== call) headers.push('Content-Location', pathOf(found.call));
  if (judged(call, object, headers)) return;
  const isAsked = ifRangeHolds(header(call, 'if-range'), object);
  const ranges = isAsked ? rangesOf(header(call, 'range'), object.sizeBytes) : undefined;
  if (ranges && ranges.length > 1) return readRanges(call, object, ranges, headers);
  const range = ranges?.[0] ?? { offset: 0, length: object.sizeBytes };
  if (ranges) headers.push('Content-Range', contentRange(range, object.sizeBytes));
  headers.push('Content-Length', String(range.length));
  const status = ranges ? 206 : 200;
  if (range.length === 0 || call.request.method === 'HEAD') return replyHead(call, status, headers);
  const body = new ResponseBody(call.response, status, complete(call, headers), range.length);
  await objects.read(object, range.offset, range.length, body);
  body.end();
}

/** This dialect has no way to bring a key. @throws SwiftError */
export function checkOpen({ encryption }: StoredObject): void {
  if (encryption?.by !== 'customer') return;
  throw new SwiftError(409, 'The object is encrypted under a key of its writer, who can read it by S3.');
}

/** Whether it is answered already, with 304 or 412. */
function judged(call: SwiftCall, object: StoredObject, headers: string[]): boolean {
  if (!judgeRead(call.request.headers, object)) return false;
  replyEmpty(call, 304, headers);
  return true;
}

const contentRange = ({ offset, length }: ByteRange, sizeBytes: number): string =>
  `bytes ${offset}-${offset + length - 1}/${sizeBytes}`;

const BOUNDARY_BYTES = 16;

/** As `multipart/byteranges` (RFC 9110, section 14.6). */
async function readRanges(
  call: SwiftCall,
  object: StoredObject,
  ranges: readonly ByteRange[],
  given: readonly string[],
): Promise<void> {
  const { cloud, random } = call.gateway;
  const boundary = random.fill(Buffer.alloc(BOUNDARY_BYTES)).toString('hex');
  const heads = ranges.map((range) => {
    const type = `Content-Type: ${object.contentType}\r\n`;
    const where = `Content-Range: ${contentRange(range, object.sizeBytes)}\r\n`;
    return Buffer.from(`--${boundary}\r\n${type}${where}\r\n`);
  });
  const between = Buffer.from('\r\n');
  const last = Buffer.from(`--${boundary}--`);
  const length = ranges.reduce(
    (sum, range, at) => sum + (heads[at] as Buffer).length + range.length + between.length,
    last.length,
  );
  const headers = withType(given, `multipart/byteranges;boundary=${boundary}`);
  headers.push('Content-Length', String(length));
  if (call.request.method === 'HEAD') return replyHead(call, 206, headers);
  const body = new ResponseBody(call.response, 206, complete(call, headers), length);
  for (const [at, range] of ranges.entries()) {
    await body.write(heads[at] as Buffer);
    await cloud.objects.read(object, range.offset, range.length, body);
    await body.write(between);
  }
  await body.write(last);
  body.end();
}

function withType(headers: readonly string[], type: string): string[] {
  const changed = [...headers];
  changed[changed.indexOf('Content-Type') + 1] = type;
  return changed;
}
