// Owns the judgement whether a call may be carried out, and as whom. Guarantee: nobody gets further than a
// row of policy.ts, the account's project and the container's lists let them.

import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import type { Caller } from '#services/cloud.ts';
import { isWithinRules } from '#services/identity/access-rules.ts';
import type { Token } from '#services/identity/tokens.service.ts';
import { isEnough, type Role, roleAmong } from '#services/permissions.ts';
import { letsReferrer, letsToken } from './access-lists.ts';
import { kindFor } from './account-lists.ts';
import type { Authorised, GatewayContext, SwiftCall } from './call.ts';
import { SwiftError } from './errors.ts';
import { ACCOUNT_PREFIX, type Address, pathOf, ROOT } from './paths.ts';
import { type Need, type OperationName, POLICY } from './policy.ts';
import { opens, type SignedUrl } from './temp-url.ts';

/** What is asked, by whom. */
export interface Asking {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly transactionId: string;
  readonly token: Token | undefined;
  readonly signed: SignedUrl | undefined;
  readonly rawPath: string;
}

/** Undefined where none is given. @throws SwiftError 401 for one that is not in force */
export async function tokenOf(
  gateway: GatewayContext,
  { headers }: HttpRequest,
  project: string,
): Promise<Token | undefined> {
  const id = headers['x-auth-token'] ?? headers['x-storage-token'];
  const service = headers['x-service-token'];
  if (service !== undefined && !(await validate(gateway, service))) throw unauthorised(project);
  if (id === undefined) return undefined;
  const token = await validate(gateway, id);
  if (!token) throw unauthorised(project);
  return token;
}

async function validate({ tokens }: GatewayContext, id: string | string[]): Promise<Token | undefined> {
  return typeof id === 'string' && id.length <= limits.tokenBytes ? tokens.validate(id) : undefined;
}

/** @throws SwiftError 401, 403 */
export async function authorise(asking: Asking, need: Need, address: Address): Promise<Authorised> {
  const { token, request, rawPath } = asking;
  const { project } = address;
  if (token && !isWithinRules(token, 'object-store', request.method, [rawPath.slice(ROOT.length), rawPath])) {
    throw new SwiftError(403);
  }
  if (token && need.role) {
    const role = token.isCloudAdmin ? 'admin' : roleIn(token, project);
    if (role && isEnough(role, need.role === 'reader' ? 'read-objects' : 'write-objects')) {
      // Who may do everything must not fill an account that nobody has.
      if (!asking.gateway.identity.view.get('project', project)?.enabled) throw new SwiftError(404);
      const caller = callerOf(asking, project, role);
      return { caller, isOwn: true, isWriter: role !== 'reader', isReseller: token.isCloudAdmin };
    }
  }
  if (token && need.role) {
    const granted = await grantedBy(asking, token, need.role, address);
    if (granted) return granted;
  }
  const isSigned = need.signed === true && asking.signed !== undefined && opens(asking.signed, address);
  if (need.acl && (isSigned || (await isListed(asking, need, address)))) {
    // The list, or the signature, has said what the caller may: no more than that is asked of the cloud.
    const role = need.acl === 'read' ? 'reader' : 'member';
    const caller = callerOf(asking, project, role);
    return { caller, isOwn: false, isWriter: false, isReseller: false };
  }
  throw token ? new SwiftError(403) : unauthorised(project);
}

/**
 * As `authorise`, for what a request touches besides what it addresses.
 * @throws SwiftError 401, 403
 */
export function authoriseToo(
  { gateway, request, transactionId, token, signed }: SwiftCall,
  operation: OperationName,
  address: Address,
): Promise<Authorised> {
  const rawPath = pathOf(address);
  return authorise({ gateway, request, transactionId, token, signed, rawPath }, POLICY[operation], address);
}

/** By the list of the account. */
async function grantedBy(
  asking: Asking,
  token: Token,
  wanted: Role,
  { project, container }: Address,
): Promise<Authorised | undefined> {
  const { cloud, identity } = asking.gateway;
  const space = await cloud.buckets.space(callerOf(asking, project, 'reader'));
  const list = isRejected(space) ? undefined : space.properties.access;
  const kind = list === undefined ? undefined : kindFor(list, token);
  if (!kind || !identity.view.get('project', project)?.enabled) return undefined;
  // What is said of the account itself only its administrators change.
  const writes = kind === 'admin' || (kind === 'read-write' && container !== '');
  if (wanted !== 'reader' && !writes) return undefined;
  const role = wanted === 'reader' ? 'reader' : 'member';
  const caller = callerOf(asking, project, kind === 'admin' ? 'member' : role);
  return { caller, isOwn: true, isWriter: kind === 'admin', isReseller: false };
}

function roleIn(token: Token, project: string) {
  if (token.scope?.kind !== 'project' || token.scope.id !== project) return undefined;
  return roleAmong(token.roles.map(({ name }) => name));
}

function callerOf({ token, transactionId }: Asking, project: string, role: Caller['role']): Caller {
  return { accountId: project, userId: token?.user.id ?? 'anonymous', role, requestId: transactionId };
}

async function isListed(asking: Asking, need: Need, address: Address): Promise<boolean> {
  const { gateway, token, request } = asking;
  const looking = callerOf(asking, address.project, 'reader');
  const bucket = await gateway.cloud.buckets.get(looking, address.container);
  if (isRejected(bucket)) return false;
  const list = bucket.properties[need.acl === 'write' ? 'access/write' : 'access/read'];
  if (list === undefined) return false;
  if (token && letsToken(list, token)) return true;
  return need.acl === 'read' && letsReferrer(list, request.headers.referer, need.lists === true);
}

export function unauthorised(project: string, text?: string): SwiftError {
  const realm = project === '' ? 'unknown' : ACCOUNT_PREFIX + encodeURIComponent(project);
  return new SwiftError(401, text, ['Www-Authenticate', `Swift realm="${realm}"`]);
}
