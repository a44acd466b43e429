// Owns what pages of other origins may do with a container
// (https://docs.openstack.org/swift/latest/cors.html), as its metadata says: the answer to a preflight, and
// what is told with all other answers. Guarantee: an origin that the container does not name is told nothing.

import { isRejected } from '#core/kernel/decider.ts';
import { TOKEN } from '#gateways/edge/plain-head.ts';
import { unauthorised } from './authorise.ts';
import { type GatewayContext, header, type SwiftCall } from './call.ts';
import type { Address } from './paths.ts';
import { answerHeaders, type CrossOrigin, replyEmpty } from './reply.ts';

const SAYS = 'meta/access-control-';

const wordsOf = (text: string | undefined): readonly string[] => text?.split(' ').filter(Boolean) ?? [];

/** Undefined where no page of another origin asks, or one that may not know. */
export async function crossOriginOf(
  asked: Pick<SwiftCall, 'request' | 'transactionId'> & { readonly gateway: GatewayContext },
  { project, container }: Address,
): Promise<CrossOrigin | undefined> {
  const { origin } = asked.request.headers;
  if (origin === undefined || container === '') return undefined;
  const looking = { accountId: project, role: 'reader', requestId: asked.transactionId } as const;
  const bucket = await asked.gateway.cloud.buckets.get(looking, container);
  if (isRejected(bucket)) return undefined;
  const { properties } = bucket;
  const allowed = wordsOf(properties[`${SAYS}allow-origin`]);
  if (!allowed.includes('*') && !allowed.includes(origin)) return undefined;
  return {
    origin: allowed.length === 1 && allowed[0] === '*' ? '*' : origin,
    exposed: wordsOf(properties[`${SAYS}expose-headers`]).filter((name) => TOKEN.test(name)),
    maxAge: properties[`${SAYS}max-age`],
  };
}

const ACCOUNT = ['GET', 'HEAD', 'POST', 'OPTIONS'];
const CONTAINER = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'];
const OBJECT = [...CONTAINER, 'COPY'];

/** `OPTIONS`: of a preflight, whether the request that it is for may be made. */
export async function preflight(call: SwiftCall): Promise<void> {
  const { container, object, crossOrigin } = call;
  const methods = container === '' ? ACCOUNT : object === '' ? CONTAINER : OBJECT;
  const headers = [...answerHeaders(call), 'Allow', methods.join(', ')];
  if (call.request.headers.origin === undefined || container === '') return replyEmpty(call, 200, headers);
  const method = header(call, 'access-control-request-method') ?? '';
  if (!crossOrigin || !methods.includes(method)) throw unauthorised(call.project);
  headers.push('Access-Control-Allow-Methods', methods.join(', '));
  const asked = (header(call, 'access-control-request-headers') ?? '').split(',').map((name) => name.trim());
  const names = asked.filter((name) => TOKEN.test(name));
  if (names.length > 0) headers.push('Access-Control-Allow-Headers', names.join(', '));
  if (/^\d{1,9}$/.test(crossOrigin.maxAge ?? '')) {
    headers.push('Access-Control-Max-Age', crossOrigin.maxAge as string);
  }
  replyEmpty(call, 200, headers);
}
