// Owns the website of a bucket (Amazon S3 User Guide, "Hosting a static website using Amazon S3"): what is
// answered at its own address, to a browser. Guarantee: nothing of an object is served to who may not read
// it; redirections are for everybody.

import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import { escapeXml } from '#gateways/edge/xml-text.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { asTold, authorise } from '../access/authorise.ts';
import { accept, type GatewayContext, living, NO_QUERY, type S3Call } from '../call.ts';
import { checkOpen } from '../encryption.ts';
import { S3Error, type S3Failure } from '../errors.ts';
import { failureOf } from '../failures.ts';
import { addObjectHeaders, headerText, REDIRECT_LOCATION } from '../headers.ts';
import { readObject, sendObject } from '../operations/read-object.ts';
import { type Answering, answerHeaders, httpDate, replyEmpty, replyHead, replyText } from '../reply.ts';
import { settingIn } from '../settings/setting.ts';
import { addressAt, redirectedTo, routingRuleFor, type Website, website } from '../settings/website.ts';

export interface PageCall extends Answering {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly bucket: string;
  readonly key: string;
}

/** @param identify who calls; throws where nobody does */
export async function servePage(call: PageCall, identify: () => S3Call | Promise<S3Call>): Promise<void> {
  let site: Website | undefined;
  try {
    const { method } = call.request;
    if (method !== 'GET' && method !== 'HEAD') throw new S3Error('MethodNotAllowed');
    site = await siteOf(call);
    const host = call.request.headers.host ?? '';
    if (site.redirectAll) return redirect(call, 301, addressAt(site.redirectAll, call.key, host));
    const rule = routingRuleFor(site, call.key);
    if (rule) return redirect(call, rule.redirect.code ?? 301, redirectedTo(rule, call.key, host));
    await serve(call, site, identify);
  } catch (error) {
    const failure = failureOf(error);
    if (!failure || failure.status >= 500) {
      const { requestId, request } = call;
      call.gateway.logger.error({ err: error, requestId, target: request.url }, 'page failed');
    }
    answerFailure(call, failure ?? new S3Error('InternalError'));
  }
}

async function siteOf({ gateway, bucket }: PageCall): Promise<Website> {
  const properties = await gateway.cloud.buckets.properties(bucket);
  if (!properties) throw new S3Error('NoSuchBucket', undefined, { BucketName: bucket });
  const site = settingIn(properties, website);
  if (!site) throw new S3Error('NoSuchWebsiteConfiguration', undefined, { BucketName: bucket });
  return site;
}

async function serve(page: PageCall, site: Website, identify: () => S3Call | Promise<S3Call>): Promise<void> {
  const { key } = page;
  const isFolder = key === '' || key.endsWith('/');
  const wanted = isFolder ? key + site.indexSuffix : key;
  let failure: S3Failure;
  let thrown: unknown;
  let call: S3Call | undefined;
  try {
    // A page is what its key names: nothing in the address asks for less or for another version.
    call = { ...(await identify()), key: wanted, query: NO_QUERY, crossOrigin: page.crossOrigin };
    const object = await objectOf(call);
    const elsewhere = object.headers[REDIRECT_LOCATION];
    if (elsewhere !== undefined) return redirect(page, 301, elsewhere);
    return await readObject(call, object);
  } catch (error) {
    const found = failureOf(error);
    // What began to be answered cannot be answered otherwise.
    if (!found || found.status >= 500 || page.response.headersSent) throw error;
    failure = found;
    thrown = error;
  }
  if (call && failure.code === 'NoSuchKey' && !isFolder) {
    const index = { ...call, key: `${key}/${site.indexSuffix}` };
    if (await isThere(index)) return redirect(page, 302, encodedPath(`/${key}/`));
  }
  if (call) failure = await asTold(call, failure);
  const rule = routingRuleFor(site, key, failure.status);
  const host = page.request.headers.host ?? '';
  if (rule) return redirect(page, rule.redirect.code ?? 301, redirectedTo(rule, key, host));
  if (!call) throw thrown;
  if (site.errorKey === undefined) return answerFailure(page, failure);
  await serveErrorPage(page, { ...call, key: site.errorKey }, failure);
}

/** If the caller may read it: asked of each object that a page is made of. */
async function objectOf(call: S3Call): Promise<StoredObject> {
  const { objects } = call.gateway.cloud;
  const reader = await authorise(call, 'GetObject');
  return living(call, accept(call, await objects.get(reader, call.bucket, call.key)));
}

async function isThere(call: S3Call): Promise<boolean> {
  try {
    await objectOf(call);
    return true;
  } catch (error) {
    if (error instanceof S3Error && error.status < 500) return false;
    throw error;
  }
}

async function serveErrorPage(page: PageCall, call: S3Call, failure: S3Failure): Promise<void> {
  let object: StoredObject;
  try {
    object = await objectOf(call);
    checkOpen(object);
  } catch (error) {
    const second = failureOf(error);
    if (!second || second.status >= 500) throw error;
    return answerFailure(page, failure, second);
  }
  const headers = [...answerHeaders(page), ...namesOf(failure)];
  headers.push('ETag', `"${object.etag}"`, 'Last-Modified', httpDate(object.modifiedMs));
  addObjectHeaders(headers, object);
  headers.push('Content-Length', String(object.sizeBytes));
  await sendObject(call, object, { status: failure.status, offset: 0, length: object.sizeBytes, headers });
}

function redirect(call: PageCall, status: number, target: string): void {
  const location = headerText(target);
  if (location === undefined) throw new S3Error('InternalError');
  replyEmpty(call, status, [...answerHeaders(call), 'Location', location]);
}

const encodedPath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

function namesOf({ code, message }: S3Failure): string[] {
  const lines = ['x-amz-error-code', code];
  const text = headerText(message);
  if (text !== undefined) lines.push('x-amz-error-message', text);
  return lines;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  412: 'Precondition Failed',
  416: 'Requested Range Not Satisfiable',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/** @param second why the page that should have told it could not */
function answerFailure(call: PageCall, failure: S3Failure, second?: S3Failure): void {
  const { response, request } = call;
  if (response.writableEnded || response.destroyed) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const headers = [...answerHeaders(call), ...namesOf(failure), ...(failure.headers ?? [])];
  if (failure.status === 405) headers.push('Allow', 'GET, HEAD');
  if (request.method === 'HEAD') replyHead(call, failure.status, [...headers, 'Content-Type', HTML]);
  else replyText(call, failure.status, pageOf(call, failure, second), headers, HTML);
}

const HTML = 'text/html; charset=utf-8';

function pageOf(call: PageCall, failure: S3Failure, second: S3Failure | undefined): string {
  const title = `${failure.status} ${REASONS[failure.status] ?? failure.code}`;
  const lines = [...linesOf(failure), ['RequestId', call.requestId], ['HostId', call.gateway.hostId]];
  const heading = '<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>';
  const more = second ? `${heading}\n${listOf(linesOf(second))}` : '';
  return (
    `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n` +
    `${listOf(lines)}${more}<hr/>\n</body>\n</html>\n`
  );
}

type Line = readonly string[];

const linesOf = ({ code, message, details }: S3Failure): Line[] => [
  ['Code', code],
  ['Message', message],
  ...Object.entries(details),
];

const listOf = (lines: readonly Line[]): string =>
  `<ul>\n${lines.map(([name = '', text = '']) => `<li>${name}: ${escapeXml(text)}</li>\n`).join('')}</ul>\n`;
