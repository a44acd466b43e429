// Owns the way of every Swift request: which operation on what, who calls, may they, run it, answer what went
// wrong. Guarantee: no operation runs before its row in policy.ts was judged, and whatever is thrown becomes
// Swift's own error.

import { boundaryOf } from '#gateways/edge/form-parts.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import { parseQuery } from '#gateways/edge/query-string.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import { authorise, tokenOf, unauthorised } from './authorise.ts';
import type { Authorised, GatewayContext } from './call.ts';
import { crossOriginOf } from './cross-origin.ts';
import { failureOf, SwiftError } from './errors.ts';
import { OPERATIONS } from './operations/operations.ts';
import { asksForPage } from './operations/static-web.ts';
import { type Address, addressOf, ROOT } from './paths.ts';
import { type Need, type OperationName, POLICY } from './policy.ts';
import { inTurn } from './rate-limits.ts';
import { type CrossOrigin, replyFailure } from './reply.ts';
import { signedUrlOf } from './temp-url.ts';

const NOWHERE: Address = { project: '', container: '', object: '' };
const NOBODY: Authorised = {
  caller: { accountId: 'nobody', role: 'reader', requestId: '' },
  isOwn: false,
  isWriter: false,
  isReseller: false,
};
/** What an address of a web site may mean. */
const PAGES: readonly OperationName[] = ['list_objects', 'show_container', 'get_object', 'head_object'];
const NO_QUERY: ReadonlyMap<string, string> = new Map();
const VERSION_PATH = `${ROOT}/v1/`;
/** Old clients look for these two at the top. */
const INFO_PATHS = ['/info', `${ROOT}/info`];
const LOGIN_PATHS = ['/auth/v1.0', '/auth/v1', `${ROOT}/auth/v1.0`, `${ROOT}/auth/v1`];

/** Whether the request is for this gateway, where several share a port. */
export function isSwiftPath(url: string): boolean {
  return /^\/(object-store|auth|info)([/?]|$)/.test(url);
}

export async function dispatch(
  gateway: GatewayContext,
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
): Promise<void> {
  const transactionId = `tx${requestId.toLowerCase()}`;
  let crossOrigin: CrossOrigin | undefined;
  try {
    const call = { gateway, request, response, transactionId };
    const { rawPath, rawQuery } = splitTarget(request.url ?? '/');
    const parameters = parseQuery(rawQuery);
    if (!parameters) throw new SwiftError(412, 'Invalid UTF8 or contains NULL');
    const asked = new Map(parameters);
    const address = rawPath.startsWith(VERSION_PATH)
      ? addressOf(rawPath.slice(VERSION_PATH.length))
      : NOWHERE;
    const { project } = address;
    crossOrigin = await crossOriginOf(call, address);
    const signed = await signedUrlOf(call, address, asked);
    // Who was given a signed URL may do what it says, and nothing that is added to it.
    const query = signed ? NO_QUERY : asked;
    const isForm = boundaryOf(request.headers['content-type']) !== undefined;
    const named = operationOf(request.method ?? '', rawPath, address, query, isForm);
    const isPublic = 'public' in POLICY[named];
    const token = isPublic || signed ? undefined : await tokenOf(gateway, request, project);
    const mayBePage = PAGES.includes(named) && !signed;
    const name = mayBePage && (await asksForPage(call, address, !!token)) ? 'serve_page' : named;
    const need: Need = POLICY[name];
    const asking = { gateway, request, transactionId, token, signed, rawPath };
    const authorised = need.public ? NOBODY : await authorise(asking, need, address);
    await inTurn({ gateway, response, ...authorised }, name, address);
    await OPERATIONS[name]({ ...call, crossOrigin, query, token, signed, ...address, ...authorised });
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status >= 500 && failure.status !== 501) {
      gateway.logger.error({ err: error, requestId, method: request.method }, 'request failed');
    }
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) {
      replyFailure({ response, transactionId, crossOrigin }, failure, request.method ?? '');
    }
  }
}

/** By what is addressed, then by method. */
const ACCOUNT: Readonly<Record<string, OperationName>> = {
  GET: 'list_containers',
  HEAD: 'show_account',
  POST: 'update_account',
};
const CONTAINER: Readonly<Record<string, OperationName>> = {
  GET: 'list_objects',
  HEAD: 'show_container',
  PUT: 'create_container',
  POST: 'update_container',
  DELETE: 'delete_container',
};
const OBJECT: Readonly<Record<string, OperationName>> = {
  GET: 'get_object',
  HEAD: 'head_object',
  PUT: 'put_object',
  POST: 'update_object',
  DELETE: 'delete_object',
  COPY: 'copy_object',
};

/** @throws SwiftError 404, 405, 501 */
function operationOf(
  method: string,
  rawPath: string,
  { project, container, object }: Address,
  query: ReadonlyMap<string, string>,
  isForm: boolean,
): OperationName {
  if (method === 'OPTIONS') {
    if (project === '') throw unauthorised('');
    return 'preflight';
  }
  if (INFO_PATHS.includes(rawPath)) return readOnly(method, 'show_info');
  if (LOGIN_PATHS.includes(rawPath)) return readOnly(method, 'log_in');
  if (project === '') throw new SwiftError(404);
  if (method === 'PUT' && query.has('extract-archive')) return 'extract_archive';
  if (container === '' && query.has('bulk-delete') && (method === 'POST' || method === 'DELETE')) {
    return 'delete_many';
  }
  if (isForm && method === 'POST' && container !== '') return 'post_form';
  const table = container === '' ? ACCOUNT : object === '' ? CONTAINER : OBJECT;
  const name = Object.hasOwn(table, method) ? table[method] : undefined;
  if (!name) throw new SwiftError(405, undefined, ['Allow', Object.keys(table).join(', ')]);
  return name;
}

function readOnly(method: string, name: OperationName): OperationName {
  if (method === 'GET' || method === 'HEAD') return name;
  throw new SwiftError(405, undefined, ['Allow', 'GET, HEAD']);
}
