// Owns copies, said by COPY with a destination or by PUT with a source. The bytes stream from the storage
// nodes back to them. Both ends are judged: the one that the request addresses by dispatch, the other here.

import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { authoriseToo } from '../authorise.ts';
import { accept, header, type SwiftCall } from '../call.ts';
import { judgeRead, unquoted, writeConditionOf } from '../conditions.ts';
import { SwiftError } from '../errors.ts';
import { isLarge, objectHeadersOf, wantsFreshMetadata } from '../headers.ts';
import { ACCOUNT_PREFIX, type Address, checkNames, encodedPath, namedPath } from '../paths.ts';
import { rangesOf } from '../ranges.ts';
import { inTurn } from '../rate-limits.ts';
import { answerHeaders, httpDate, lastModifiedMs, replyDone } from '../reply.ts';
import { keepReplaced } from './archives.ts';
import { foundBy, foundThere, judgeParts, living, targetOf } from './find-object.ts';
import { checkOpen } from './read-object.ts';
import { addVersion, askedVersion } from './versions.ts';

/** `COPY`: from what is addressed to the destination. */
export async function copyObject(call: SwiftCall): Promise<void> {
  const destination = header(call, 'destination');
  if (destination === undefined) throw new SwiftError(412, 'Destination header required');
  const to = otherEnd(call, 'Destination', destination);
  checkNames(to);
  const target = { ...call, ...to, ...(await authoriseToo(call, 'put_object', to)) };
  await inTurn(target, 'put_object', to);
  await copy(call, target);
}

/** `PUT` with `X-Copy-From`: from the source to what is addressed. */
export async function putCopy(call: SwiftCall): Promise<void> {
  const { headers } = call.request;
  if (Number(headers['content-length'] ?? 0) !== 0) {
    throw new SwiftError(400, 'Copy requests require a zero byte body');
  }
  const from = otherEnd(call, 'X-Copy-From', header(call, 'x-copy-from') ?? '');
  const query = new Map([...call.query].filter(([name]) => name !== 'version-id'));
  await copy({ ...call, ...from, query, ...(await authoriseToo(call, 'get_object', from)) }, call);
}

/** The end that a header names, perhaps in another account. */
function otherEnd(call: SwiftCall, name: string, value: string): Address {
  const account = header(call, `${name.toLowerCase()}-account`);
  if (account !== undefined && !account.startsWith(ACCOUNT_PREFIX)) throw new SwiftError(412, 'Bad URL');
  const project = account === undefined ? call.project : account.slice(ACCOUNT_PREFIX.length);
  return { project, ...namedPath(name, value) };
}

async function copy(from: SwiftCall, to: SwiftCall): Promise<void> {
  const { objects } = from.gateway.cloud;
  const { headers } = from.request;
  const asIs = from.query.get('multipart-manifest') === 'get';
  const { source, isLink } = await sourceOfCopy(from, asIs);
  if (judgeRead(headers, source)) throw new SwiftError(412);
  const [range = { offset: 0, length: source.sizeBytes }] =
    rangesOf(header(from, 'range'), source.sizeBytes) ?? [];
  const keepsParts = (asIs || isLink) && source.assembly !== undefined;
  const description = descriptionOf(from, source);
  const wanted = header(from, 'etag');
  await keepReplaced(to.gateway, to.caller, to);
  const outcome = await objects.put(to.caller, {
    bucket: to.container,
    key: to.object,
    source: keepsParts ? objects.source(NOTHING, 0, 0) : objects.source(source, range.offset, range.length),
    digests: ['md5'],
    condition: writeConditionOf(headers),
    describe: ({ digests }) => {
      const md5 = Buffer.from(digests.md5 ?? []).toString('hex');
      if (wanted !== undefined && unquoted(wanted) !== md5) throw new SwiftError(422);
      const { assembly, etag, storageClass } = source;
      return keepsParts
        ? { ...description, etag, storageClass, ...(assembly && { assembly }) }
        : { ...description, etag: md5, storageClass };
    },
  });
  const object = accept(outcome);
  const answer = answerHeaders(to);
  answer.push('Etag', isLarge(object) ? `"${object.etag}"` : object.etag);
  answer.push('Last-Modified', httpDate(lastModifiedMs(object.modifiedMs)));
  addVersion(answer, object);
  answer.push('X-Copied-From', encodedPath(`${from.container}/${from.object}`));
  answer.push('X-Copied-From-Account', encodeURIComponent(ACCOUNT_PREFIX + from.project));
  answer.push('X-Copied-From-Last-Modified', httpDate(lastModifiedMs(source.modifiedMs)));
  replyDone(to, 201, answer);
}

interface CopySource {
  readonly source: StoredObject;
  /** To be copied as such. */
  readonly isLink: boolean;
}

async function sourceOfCopy(from: SwiftCall, asIs: boolean): Promise<CopySource> {
  const { objects } = from.gateway.cloud;
  const version = await askedVersion(from);
  const there = await foundThere(from, version);
  const { assembly } = there.object;
  if (assembly?.link && from.query.get('symlink') === 'get') {
    const { project } = targetOf(there);
    // Wherever the copy lies, it names what this one does.
    const link = { ...assembly.link, account: project };
    return { source: { ...there.object, assembly: { ...assembly, link } }, isLink: true };
  }
  const { call, object } = await foundBy(from, version);
  await judgeParts(call, object);
  checkOpen(object);
  if (!asIs || version !== undefined) return { source: object, isLink: false };
  const stored = accept(await objects.stored(call.caller, call.container, call.object));
  return { source: living(call, stored), isLink: false };
}

const NOTHING = { segments: [], bucket: '' };

/** The source's, with what the request says of it anew; or only that. */
function descriptionOf(call: SwiftCall, source: StoredObject) {
  const { headers } = call.request;
  const said = objectHeadersOf(headers, call.gateway.clock.nowMs());
  const contentType = said.contentType || source.contentType;
  if (wantsFreshMetadata(headers)) return { ...said, contentType };
  const { expiresMs = source.expiresMs } = said;
  return {
    contentType,
    headers: { ...source.headers, ...said.headers },
    metadata: { ...source.metadata, ...said.metadata },
    ...(expiresMs !== undefined && { expiresMs }),
  };
}
