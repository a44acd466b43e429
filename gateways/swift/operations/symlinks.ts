// Owns symbolic links (https://docs.openstack.org/swift/latest/middleware.html, "Symlink"): their making, and
// what of them is listed. How they are followed is find-object.ts.

import { isRejected } from '#core/kernel/decider.ts';
import { announcedBytes } from '#gateways/edge/request-body.ts';
import { authoriseToo } from '../authorise.ts';
import { accept, header, type SwiftCall } from '../call.ts';
import { unquoted, writeConditionOf } from '../conditions.ts';
import { SwiftError } from '../errors.ts';
import { EMPTY_ETAG, objectHeadersOf } from '../headers.ts';
import { ACCOUNT_PREFIX, type Address, namedPath, pathOf } from '../paths.ts';
import { answerHeaders, httpDate, lastModifiedMs, replyDone } from '../reply.ts';
import { keepReplaced } from './archives.ts';
import { foundBy, targetOf } from './find-object.ts';
import { nameOf, type Row } from './listings.ts';
import { STORAGE_CLASS } from './write-object.ts';

const NO_BYTES = { segments: [], bucket: '' };

export async function putSymlink(call: SwiftCall): Promise<void> {
  const { headers } = call.request;
  for (const other of ['x-object-manifest', 'x-copy-from']) {
    if (headers[other] !== undefined) throw new SwiftError(400, `X-Symlink-Target goes with no ${other}`);
  }
  if (announcedBytes(call.request) !== 0) {
    throw new SwiftError(400, 'Symlink requests require a zero byte body');
  }
  const wanted = header(call, 'etag');
  if (wanted !== undefined && unquoted(wanted) !== EMPTY_ETAG) throw new SwiftError(422);
  const target = targetIn(call);
  const { container, object } = target;
  const isItself = target.project === call.project && container === call.container && object === call.object;
  if (isItself) throw new SwiftError(400, 'Symlink cannot target itself');
  const { contentType, ...described } = objectHeadersOf(headers, call.gateway.clock.nowMs());
  const account = target.project === call.project ? '' : target.project;
  const link = { account, ...(await fixedOf(call, target)) };
  await keepReplaced(call.gateway, call.caller, call);
  const { objects } = call.gateway.cloud;
  const outcome = await objects.put(call.caller, {
    bucket: call.container,
    key: call.object,
    source: objects.source(NO_BYTES, 0, 0),
    digests: [],
    condition: writeConditionOf(headers),
    describe: () => ({
      ...{ ...described, contentType: contentType || 'application/symlink', etag: EMPTY_ETAG },
      ...{ storageClass: STORAGE_CLASS, assembly: { parts: [], bucket: container, prefix: object, link } },
    }),
  });
  const made = accept(outcome);
  const answer = [...answerHeaders(call), 'Etag', EMPTY_ETAG];
  answer.push('Last-Modified', httpDate(lastModifiedMs(made.modifiedMs)), 'Content-Location', pathOf(target));
  replyDone(call, 201, answer);
}

function targetIn(call: SwiftCall): Address {
  const account = header(call, 'x-symlink-target-account');
  if (account !== undefined && !account.startsWith(ACCOUNT_PREFIX)) throw new SwiftError(412, 'Bad URL');
  const project = account === undefined ? call.project : account.slice(ACCOUNT_PREFIX.length);
  return { project, ...namedPath('X-Symlink-Target', header(call, 'x-symlink-target') ?? '') };
}

/** What the target must remain, where the request says what it is. @throws SwiftError 401, 403, 409 */
async function fixedOf(call: SwiftCall, target: Address): Promise<{ etag: string; sizeBytes: number }> {
  const etag = unquoted(header(call, 'x-symlink-target-etag') ?? '');
  if (etag === '') return { etag: '', sizeBytes: 0 };
  const authorised = await authoriseToo(call, 'get_object', target);
  const { object } = await foundBy({ ...call, ...target, ...authorised }).catch((error: unknown) => {
    const isMissing = error instanceof SwiftError && error.status === 404;
    throw isMissing ? new SwiftError(409, 'X-Symlink-Target does not exist') : error;
  });
  if (object.etag !== etag) {
    throw new SwiftError(409, `Object Etag '${object.etag}' does not match X-Symlink-Target-Etag header`);
  }
  return { etag, sizeBytes: object.sizeBytes };
}

/** With what they name, of those rows that are links. */
export async function withLinks(call: SwiftCall, rows: readonly Row[]): Promise<readonly Row[]> {
  // All others are looked at no further.
  const isEmpty = (row: Row) => 'name' in row && row.bytes === 0 && row.hash === EMPTY_ETAG;
  if (!rows.some(isEmpty)) return rows;
  return Promise.all(rows.map((row) => (isEmpty(row) ? withLink(call, row) : row)));
}

async function withLink(call: SwiftCall, row: Row): Promise<Row> {
  const object = await call.gateway.cloud.objects.stored(call.caller, call.container, nameOf(row));
  if (isRejected(object) || !object.assembly?.link) return row;
  const { etag, sizeBytes } = object.assembly.link;
  const fixed = etag === '' ? {} : { symlink_etag: etag, symlink_bytes: sizeBytes };
  return { ...row, symlink_path: pathOf(targetOf({ call, object })), ...fixed };
}
