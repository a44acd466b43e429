// Owns the way of every Keystone request: which operation, who calls, may they, run it, answer. Guarantee: no
// operation runs before its row in policy.ts was judged, and whatever is thrown becomes Keystone's own error.

import { isFault } from '#core/kernel/errors.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import { parseQuery } from '#gateways/edge/query-string.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import { isWithinRules } from '#services/identity/access-rules.ts';
import type { Token } from '#services/identity/tokens.service.ts';
import type { Answer, GatewayContext, IdentityCall } from './call.ts';
import {
  badRequest,
  errorOfFault,
  forbidden,
  IdentityError,
  readOnly,
  unauthorized,
  unexpected,
} from './errors.ts';
import { mayCall, type Need, type OperationName, POLICY } from './policy.ts';
import type { Router } from './router.ts';

const ROOT = '/identity';

export interface DispatchContext extends GatewayContext {
  readonly router: Router;
}

export async function dispatch(
  gateway: DispatchContext,
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
): Promise<void> {
  try {
    const answer = await answerTo(gateway, request, response, requestId);
    reply(request, response, requestId, answer);
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status >= 500 && failure.status !== 501) {
      gateway.logger.error({ err: error, requestId, method: request.method }, 'request failed');
    }
    if (!response.headersSent && !response.destroyed) replyFailure(request, response, requestId, failure);
  }
}

async function answerTo(
  gateway: DispatchContext,
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
): Promise<Answer> {
  const { rawPath, rawQuery } = splitTarget(request.url ?? '/');
  const path =
    rawPath === ROOT || rawPath.startsWith(`${ROOT}/`) ? rawPath.slice(ROOT.length) || '/' : undefined;
  const parameters = parseQuery(rawQuery);
  if (path === undefined) throw new IdentityError(404, 'The resource could not be found.');
  if (!parameters) throw badRequest('The query is malformed.');
  const { name, operation, params } = gateway.router.find(request.method ?? '', path);
  const need: Need = POLICY[name];
  const host = hostOf(request);
  // The judgement of a token waits for the same.
  if (need.public) await gateway.identity.barrier();
  const call: IdentityCall = {
    ...{ gateway, request, response, requestId, operation: name, params },
    query: new Map(parameters),
    token: need.public ? undefined : await tokenOf(gateway, request),
    base: `http://${host}${ROOT}/v3`,
    hostName: host.replace(/:\d+$/, ''),
  };
  if (!need.public) {
    await gateway.identity.external.meet(Object.values(params));
    await authorise(call, need, operation.facts);
  }
  if (CHANGES_PEOPLE.includes(name)) refuseElsewhere(call);
  return operation.run(call);
}

/** What is kept elsewhere is not changed from here. */
const CHANGES_PEOPLE: readonly OperationName[] = [
  ...(['update_user', 'delete_user', 'change_password', 'update_group', 'delete_group'] as const),
  ...(['add_user_to_group', 'remove_user_from_group'] as const),
];

/** @throws IdentityError 403 */
function refuseElsewhere({ gateway, params }: IdentityCall): void {
  const id = params.group_id ?? params.user_id ?? '';
  if (gateway.identity.external.isExternal(id)) throw readOnly();
}

async function authorise(
  call: IdentityCall,
  need: Need,
  facts: ((call: IdentityCall) => object | Promise<object>) | undefined,
): Promise<void> {
  const token = call.token as Token;
  const isLet = mayCall(need, token, facts ? await facts(call) : {});
  const { rawPath } = splitTarget(call.request.url ?? '/');
  const paths = [rawPath.slice(ROOT.length), rawPath];
  if (!isLet || !isWithinRules(token, 'identity', call.request.method, paths))
    throw forbidden(call.operation);
}

/** @throws IdentityError 401 */
async function tokenOf(gateway: GatewayContext, request: HttpRequest): Promise<Token> {
  const id = request.headers['x-auth-token'];
  const token = typeof id === 'string' ? await gateway.tokens.validate(id) : undefined;
  if (!token) throw unauthorized();
  return token;
}

const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/** As the client wrote it; an answer's links lead there again. */
function hostOf({ headers }: HttpRequest): string {
  const { host } = headers;
  // A port of 99999, or an address of 256.0.0.0, has the form and is none.
  return host !== undefined && HOST.test(host) && URL.canParse(`http://${host}`) ? host : 'localhost';
}

export function failureOf(error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  return isFault(error) ? errorOfFault(error.code) : unexpected();
}

function reply(request: HttpRequest, response: HttpResponse, requestId: string, answer: Answer): void {
  const { status, document, headers = [] } = answer;
  const body = document === undefined ? '' : JSON.stringify(document);
  const head = ['Vary', 'X-Auth-Token', 'x-openstack-request-id', `req-${requestId}`];
  for (const [name, value] of headers) head.push(name, value);
  if (document !== undefined) head.push('Content-Type', 'application/json');
  if (status !== 204) head.push('Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(status, head);
  if (request.method === 'HEAD' || body === '') response.end();
  else response.end(body);
}

export function replyFailure(
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
  failure: IdentityError,
): void {
  const challenge = ['WWW-Authenticate', `Keystone uri="http://${hostOf(request)}${ROOT}"`] as const;
  reply(request, response, requestId, {
    status: failure.status,
    document: failure.document(),
    headers: failure.status === 401 ? [challenge] : failure.status === 503 ? [['Retry-After', '1']] : [],
  });
}
