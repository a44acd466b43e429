// Owns the way of every S3 request: which bucket and key, who calls, which operation, may they, run it,
// answer what went wrong. Guarantee: no operation runs for a caller that is not authenticated, nor before its
// row in operations/operations.ts was judged, and whatever is thrown becomes S3's own error.

import type { IncomingHttpHeaders } from 'node:http';
import { boundaryOf } from '#gateways/edge/form-parts.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import { parseQuery } from '#gateways/edge/query-string.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import { asTold, authorise, callerOf } from './access/authorise.ts';
import { authenticate } from './auth/authenticate.ts';
import { BodyRefused } from './auth/refusal.ts';
import { acceptBucket, type GatewayContext, header, NO_QUERY, Query, type S3Call } from './call.ts';
import { announcesChecksum } from './checksums.ts';
import { detect } from './detect.ts';
import { S3Error, type S3Failure } from './errors.ts';
import { failureOf } from './failures.ts';
import { refuseUnbuiltHeaders } from './headers.ts';
import { type Address, addressOf, type HostNames, siteAddressOf } from './keys.ts';
import { OPERATIONS } from './operations/operations.ts';
import { postForm } from './operations/post-object.ts';
import { type Answering, replyFailure } from './reply.ts';
import { crossOriginLines, preflight } from './settings/cross-origin.ts';
import { servePage } from './website/serve-page.ts';

export interface DispatchContext extends GatewayContext {
  readonly hosts: HostNames;
}

const NOWHERE: Address = { bucket: '', key: '' };

export async function dispatch(
  gateway: DispatchContext,
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
): Promise<void> {
  const { rawPath, rawQuery } = splitTarget(request.url ?? '/');
  const asksFirst = request.method === 'OPTIONS';
  const saysOrigin = request.headers.origin !== undefined && !asksFirst;
  let address = NOWHERE;
  let crossOrigin: readonly string[] | undefined;
  let call: S3Call | undefined;
  try {
    const site = gateway.hosts.siteOf(request.headers.host);
    address =
      site === '' ? addressOf(rawPath, request.headers.host, gateway.hosts) : siteAddressOf(rawPath, site);
    if (asksFirst) return await preflight({ gateway, request, response, requestId }, address);
    if (site !== '') {
      if (saysOrigin) crossOrigin = await crossOriginLines(gateway, request, site);
      const page = { gateway, request, response, requestId, ...address, crossOrigin };
      const identify = () =>
        authenticatedCall(gateway, request, response, requestId, rawPath, rawQuery, address);
      return await servePage(page, identify);
    }
    if (request.method === 'POST' && isForm(request, address, rawQuery)) {
      if (saysOrigin) crossOrigin = await crossOriginLines(gateway, request, address.bucket);
      return await postForm({ gateway, request, response, requestId, ...address, crossOrigin });
    }
    const made = authenticatedCall(gateway, request, response, requestId, rawPath, rawQuery, address);
    call = made instanceof Promise ? await made : made;
    if (saysOrigin) {
      crossOrigin = await crossOriginLines(gateway, request, address.bucket, call.caller);
      call = { ...call, crossOrigin };
    }
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const copies = !reads && call.headers['x-amz-copy-source'] !== undefined;
    const { query } = call;
    const name = detect({ method: request.method ?? '', ...address, query, copies });
    const judged = authorise(call, name);
    const caller = judged instanceof Promise ? await judged : judged;
    if (caller !== call.caller) call = { ...call, caller };
    if (!reads) refuseUnbuiltHeaders(call.headers);
    if (call.headers['x-amz-expected-bucket-owner'] !== undefined) await checkExpectedOwner(call);
    await OPERATIONS[name].run(call);
  } catch (error) {
    let failure = failureOf(error);
    if (failure && call) failure = await asTold(call, failure);
    // What is not built is the client's affair; whatever else is a 5xx is ours.
    if (!failure || (failure.status >= 500 && failure.code !== 'NotImplemented')) {
      gateway.logger.error(
        { err: error, requestId, method: request.method, target: request.url },
        'request failed',
      );
    }
    if (saysOrigin) {
      crossOrigin ??= await crossOriginLines(gateway, request, address.bucket).catch(() => undefined);
    }
    const answering = { gateway, response, requestId, crossOrigin };
    answerFailure(answering, request, failure ?? new S3Error('InternalError'), address);
  }
}

/** Forms are sent to buckets, by whoever says in them who it is. */
function isForm({ headers }: HttpRequest, { bucket, key }: Address, rawQuery: string): boolean {
  const isAtBucket = bucket !== '' && key === '' && rawQuery === '';
  // Who signs the request says who it is there.
  if (!isAtBucket || headers.authorization !== undefined) return false;
  return boundaryOf(headers['content-type']) !== undefined;
}

/**
 * A promise only where the access key must be looked for.
 * @throws S3Error, BodyRefused
 */
function authenticatedCall(
  gateway: DispatchContext,
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
  rawPath: string,
  rawQuery: string,
  address: Address,
  isLastTry = false,
): S3Call | Promise<S3Call> {
  const { headers, rawHeaders } = request;
  const { cloud, clock, region } = gateway;
  const auth = authenticate(
    { method: request.method ?? '', rawPath, rawQuery, headers, rawHeaders },
    { accounts: cloud.accounts, clock, region },
  );
  if (!auth.ok && auth.error.code === 'InvalidAccessKeyId' && !isLastTry) {
    const fetched = cloud.accounts.fetchAccessKey(auth.error.details.AWSAccessKeyId ?? '');
    return fetched.then(() =>
      authenticatedCall(gateway, request, response, requestId, rawPath, rawQuery, address, true),
    );
  }
  if (!auth.ok) throw new BodyRefused(auth.error);
  return {
    gateway,
    request,
    response,
    requestId,
    auth,
    caller: callerOf(auth.identity, requestId),
    headers: auth.presigned ? withHoisted(headers, auth.hoisted) : headers,
    query: rawQuery === '' ? NO_QUERY : queryOf(rawQuery),
    bucket: address.bucket,
    key: address.key,
    crossOrigin: undefined,
  };
}

/**
 * The headers, and those that the URL carries in its query. A checksum there is left out, as at Amazon: SDKs
 * sign that of an empty body into a URL for a body that they have not seen.
 */
function withHoisted(
  headers: IncomingHttpHeaders,
  hoisted: Readonly<Record<string, string>>,
): IncomingHttpHeaders {
  const merged: IncomingHttpHeaders = { ...headers };
  for (const name in hoisted) if (!announcesChecksum(name)) merged[name] = hoisted[name];
  return merged;
}

function queryOf(rawQuery: string): Query {
  const parameters = parseQuery(rawQuery);
  if (!parameters) throw new S3Error('InvalidURI');
  return new Query(parameters);
}

async function checkExpectedOwner(call: S3Call): Promise<void> {
  if (call.bucket === '') return;
  const outcome = await call.gateway.cloud.buckets.get(call.caller, call.bucket);
  // A bucket that is yet to be made has no owner to compare.
  if ('rejected' in outcome && call.request.method === 'PUT' && call.key === '') return;
  const bucket = acceptBucket(call, outcome);
  if (bucket.owner !== header(call, 'x-amz-expected-bucket-owner')) throw new S3Error('AccessDenied');
}

/** Answers, unless there is nobody to answer any more or the answer has begun. */
function answerFailure(
  answering: Answering,
  request: HttpRequest,
  failure: S3Failure,
  { bucket, key }: Address,
): void {
  const { response } = answering;
  if (response.writableEnded || response.destroyed) return;
  // A body that ends early, on a connection that ends with it, cannot be taken for the whole.
  if (response.headersSent) response.destroy();
  else {
    const resource = key === '' ? `/${bucket}` : `/${bucket}/${key}`;
    replyFailure(answering, failure, request.method ?? '', resource);
  }
}
