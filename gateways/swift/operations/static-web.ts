// Owns containers as web sites (https://docs.openstack.org/swift/latest/middleware.html, "StaticWeb"): index
// pages, listings and error pages for whoever comes without a token, or asks for them. Guarantee: each object
// that is shown, and each listing, was judged as if it had been asked for itself.

import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import { ResponseBody } from '#gateways/edge/response-body.ts';
import { escapeXml } from '#gateways/edge/xml-text.ts';
import type { ListPage, StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { isOver } from '#services/expirer.ts';
import { authoriseToo } from '../authorise.ts';
import { accept, acceptBucket, type GatewayContext, isTrue, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { objectAnswer, type Values } from '../headers.ts';
import { type Address, encodedPath } from '../paths.ts';
import { inTurn } from '../rate-limits.ts';
import { answerHeaders, complete, HTML, isoDate, replyHead, replyText } from '../reply.ts';
import { foundBy, judgeParts } from './find-object.ts';
import { checkOpen, readObject } from './read-object.ts';

interface Web {
  readonly index: string | undefined;
  readonly error: string | undefined;
  readonly hasListings: boolean;
  readonly css: string | undefined;
  readonly label: string | undefined;
  readonly directoryType: string;
}

function webOf(properties: Values): Web {
  const said = (name: string) => properties[`meta/web-${name}`] || undefined;
  return {
    ...{ index: said('index'), error: said('error'), hasListings: isTrue(said('listings')) },
    ...{ css: said('listings-css'), label: said('listings-label') },
    directoryType: said('directory-type') ?? 'application/directory',
  };
}

/** Whether the request is for a page, where it could be for an object or a container too. */
export async function asksForPage(
  { gateway, request, transactionId }: AskedPage,
  { project, container }: Address,
  hasToken: boolean,
): Promise<boolean> {
  const asks = isTrue(request.headers['x-web-mode'] as string | undefined);
  if ((hasToken && !asks) || container === '') return false;
  const looking = { accountId: project, role: 'reader', requestId: transactionId } as const;
  const bucket = await gateway.cloud.buckets.get(looking, container);
  if (isRejected(bucket)) return false;
  const { index, hasListings } = webOf(bucket.properties);
  return index !== undefined || hasListings;
}

interface AskedPage {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly transactionId: string;
}

export async function servePage(call: SwiftCall): Promise<void> {
  const { buckets } = call.gateway.cloud;
  const web = webOf(acceptBucket(await buckets.get(call.caller, call.container)).properties);
  const { object } = call;
  const { rawPath } = splitTarget(call.request.url ?? '/');
  const isFolder = object === '' ? rawPath.endsWith('/') : object.endsWith('/');
  if (object !== '') {
    const found = await lookUp(call, object);
    const isMarker = found?.contentType === web.directoryType && found.sizeBytes <= 1;
    if (found && !isMarker) return readObject(call);
  } else if (!isFolder) return redirect(call, rawPath);
  if (web.index !== undefined) {
    const index = (object === '' || isFolder ? object : `${object}/`) + web.index;
    if (await lookUp(call, index)) {
      return isFolder ? readObject({ ...call, object: index }) : redirect(call, rawPath);
    }
  }
  if (isFolder) return replyFolder(call, web);
  const below = await listed(call, `${object}/`, 1);
  if (below && below.objects.length + below.commonPrefixes.length > 0) return redirect(call, rawPath);
  return replyMissing(call, web);
}

async function lookUp(call: SwiftCall, key: string): Promise<StoredObject | undefined> {
  const found = await call.gateway.cloud.objects.stored(call.caller, call.container, key);
  return isRejected(found) || isOver(found, call.gateway.clock.nowMs()) ? undefined : found;
}

/** Undefined for who may not list. */
async function listed(call: SwiftCall, prefix: string, limit: number): Promise<ListPage | undefined> {
  const { project, container } = call;
  try {
    await authoriseToo(call, 'list_objects', { project, container, object: '' });
    await inTurn(call, 'list_objects', { project, container, object: '' });
  } catch (error) {
    if (error instanceof SwiftError) return undefined;
    throw error;
  }
  const request = { bucket: container, prefix, delimiter: '/', after: '', limit };
  return accept(await call.gateway.cloud.objects.list(call.caller, request));
}

function redirect(call: SwiftCall, rawPath: string): void {
  const headers = [...answerHeaders(call), 'Location', `${rawPath}/`];
  replyPage(call, 301, '<html><h1>Moved Permanently</h1></html>', headers);
}

function replyPage(call: SwiftCall, status: number, page: string, headers = answerHeaders(call)): void {
  if (call.request.method !== 'HEAD') {
    replyText(call, status, HTML, page, headers);
    return;
  }
  headers.push('Content-Type', HTML, 'Content-Length', String(Buffer.byteLength(page)));
  replyHead(call, status, headers);
}

/** The owner's page for what is not there, if there is one. */
async function replyMissing(call: SwiftCall, { error }: Web): Promise<void> {
  const { objects } = call.gateway.cloud;
  const key = `404${error}`;
  const isThere = error !== undefined && (await lookUp(call, key)) !== undefined;
  if (!isThere) throw new SwiftError(404);
  const found = await foundBy({ ...call, object: key });
  const { object: page } = found;
  await judgeParts(found.call, page);
  checkOpen(page);
  const headers = [...objectAnswer(call, page), 'Content-Length', String(page.sizeBytes)];
  if (call.request.method === 'HEAD' || page.sizeBytes === 0) return replyHead(call, 404, headers);
  const body = new ResponseBody(call.response, 404, complete(call, headers), page.sizeBytes);
  await objects.read(page, 0, page.sizeBytes, body);
  body.end();
}

async function replyFolder(call: SwiftCall, web: Web): Promise<void> {
  const prefix = call.object;
  const page = web.hasListings ? await listed(call, prefix, limits.swiftListed) : undefined;
  const isEmpty = !page || page.objects.length + page.commonPrefixes.length === 0;
  if (isEmpty && (prefix !== '' || !page)) return replyMissing(call, web);
  replyPage(call, 200, listingPage(call, web, page));
}

const STYLE = `<style type="text/css">
h1 { font-size: 1em; font-weight: bold; }
th, td { text-align: left; padding: 0 1em 0 0; }
td.colsize { text-align: right; }
</style>`;

function listingPage({ container, object: prefix }: SwiftCall, web: Web, page: ListPage): string {
  const title = escapeXml(`Listing of ${web.label ?? container}/${prefix}`);
  const up = '../'.repeat(prefix.split('/').length - 1);
  const css = web.css ?? '';
  const sheet = /^https?:\/\//.test(css) ? css : up + encodedPath(css);
  const style = css === '' ? STYLE : `<link rel="stylesheet" type="text/css" href="${escapeXml(sheet)}" />`;
  const rows = page.commonPrefixes.map((subdir) => row('item subdir', subdir.slice(prefix.length), '', ''));
  for (const { key, sizeBytes, modifiedMs } of page.objects) {
    // A folder is not in itself.
    if (key === prefix) continue;
    rows.push(row('item', key.slice(prefix.length), String(sizeBytes), isoDate(modifiedMs).slice(0, 19)));
  }
  if (prefix !== '') rows.unshift(row('item', '../', '', ''));
  return `<!DOCTYPE html>
<html><head><title>${title}</title><meta charset="UTF-8" />${style}</head>
<body><h1 id="title">${title}</h1><table id="listing">
<tr id="heading"><th class="colname">Name</th><th class="colsize">Size</th><th class="coldate">Date</th></tr>
${rows.join('\n')}
</table></body></html>
`;
}

function row(kind: string, name: string, size: string, date: string): string {
  // What looks like a scheme, or like another host, is a name.
  const link = name === '../' ? name : `./${encodedPath(name)}`;
  const cells = [
    `<td class="colname"><a href="${escapeXml(link)}">${escapeXml(name)}</a></td>`,
    `<td class="colsize">${size}</td><td class="coldate">${date}</td>`,
  ];
  return `<tr class="${kind}">${cells.join('')}</tr>`;
}
