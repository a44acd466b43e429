// Owns Keystone's error documents (https://docs.openstack.org/api-ref/identity/v3/) and the total table from
// every "no" of identity to them: a new one does not compile until it is answered.

import type { FaultCode } from '#core/kernel/errors.ts';
import type { IdentityRejection } from '#services/identity/identity.ts';

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
} as const;

export type ErrorStatus = keyof typeof TITLES;

const UNEXPECTED = 'An unexpected error prevented the server from fulfilling your request.';

export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, message: string) {
    super(message);
    this.status = status;
  }

  document(): object {
    return { error: { code: this.status, message: this.message, title: TITLES[this.status] } };
  }
}

export const unauthorized = (): IdentityError =>
  new IdentityError(401, 'The request you have made requires authentication.');
export const forbidden = (operation: string): IdentityError =>
  new IdentityError(403, `You are not authorized to perform the requested action: identity:${operation}.`);
export const notFound = (kind: string, id: string): IdentityError =>
  new IdentityError(404, `Could not find ${kind}: ${id}.`);
export const badRequest = (message: string): IdentityError => new IdentityError(400, message);
export const readOnly = (): IdentityError =>
  new IdentityError(403, 'The people of the domain are kept in a directory elsewhere, which is only read.');
export const unexpected = (): IdentityError => new IdentityError(500, UNEXPECTED);

const conflict = (what: string) => [409, `Conflict occurred attempting to store ${what}.`] as const;
const isThere = (kind: string) => conflict(`${kind} - Duplicate entry found with that id`);
const none = (kind: string) => [404, `Could not find ${kind}.`] as const;
const limit = (what: string) => [403, `Unable to create additional ${what}: the limit is reached.`] as const;

const REJECTIONS: Readonly<Record<IdentityRejection, readonly [ErrorStatus, string]>> = {
  'name-taken': conflict('it - Duplicate entry found with that name'),
  'domain-exists': isThere('domain'),
  'project-exists': isThere('project'),
  'group-exists': isThere('group'),
  'user-exists': isThere('user'),
  'role-exists': isThere('role'),
  'no-such-domain': none('domain'),
  'no-such-project': none('project'),
  'no-such-user': none('user'),
  'no-such-group': none('group'),
  'no-such-role': none('role'),
  'no-such-implied-role': none('implied role'),
  'no-such-membership': none('user in group'),
  'no-such-credential': none('credential'),
  'no-such-application-credential': none('application credential'),
  'no-such-assignment': none('role assignment'),
  'no-such-region': none('region'),
  'no-such-service': none('service'),
  'no-such-endpoint': none('endpoint'),
  'no-such-limit': none('limit'),
  'no-such-parent': none('parent project'),
  'federation-entry-exists': isThere('entry'),
  'no-such-federation-entry': none('entry'),
  'no-such-mapping': none('mapping'),
  'mapping-in-use': [409, 'The mapping is still used by a protocol.'],
  'remote-id-taken': conflict('identity provider - Duplicate remote ID'),
  'trust-exists': isThere('trust'),
  'no-such-trust': none('trust'),
  'trust-used-up': [403, 'No more tokens can be made by the trust.'],
  'too-many-trusts': limit('trusts'),
  'role-not-held': [403, 'The trustor lacks a role on the project that the trust is to give.'],
  'trust-widened': [403, 'The trust cannot be passed on, or not with as much as that.'],
  'credential-exists': isThere('credential'),
  'weak-password': [400, 'The password does not match the requirements.'],
  'password-used-before': [400, 'The new password cannot be identical to a previous password.'],
  'password-too-young': [
    ...([400, 'You cannot change your password at this time due to the minimum password age.'] as const),
  ],
  'password-locked': [
    ...([400, 'You cannot change your password at this time: please contact your administrator.'] as const),
  ],
  'application-credential-exists': conflict('application_credential - Duplicate entry found with that name'),
  'domain-enabled': [403, 'Cannot delete a domain that is enabled, please disable it first.'],
  'domain-disabled': [403, 'The domain is disabled.'],
  'project-enabled': [409, 'The project was enabled again meanwhile.'],
  'parent-disabled': [403, 'Cannot create a project below a project that is disabled.'],
  'domain-mismatch': [400, 'A project lies in the domain of its parent.'],
  'too-deep': [403, 'Max hierarchy depth reached for this branch.'],
  'project-has-children': [403, 'Cannot delete a project that is not a leaf in the hierarchy.'],
  'project-owns-buckets': [409, 'The project still owns buckets, which nobody could reach any more.'],
  'role-circle': [400, 'A role cannot imply itself, nor by way of other roles.'],
  'region-in-use': [409, 'The region still has regions or endpoints.'],
  'limit-exists': conflict('limit - Duplicate entry'),
  'limit-in-use': [403, 'The registered limit is overridden by limits of projects or domains.'],
  'too-many-tags': [400, 'A project has at most 80 tags.'],
  'too-many-groups': limit('memberships'),
  'too-many-credentials': limit('credentials'),
  'too-many-roles': limit('roles'),
  'too-many-entries': limit('entries'),
};

export function errorOfRejection(code: IdentityRejection): IdentityError {
  return new IdentityError(...REJECTIONS[code]);
}

/** What may be tried again says so. */
const UNAVAILABLE: readonly FaultCode[] = [
  ...(['conflict', 'quorum-not-reached', 'chunk-unreadable', 'closed', 'busy'] as const),
  ...(['log-unavailable', 'unreachable', 'timeout', 'no-space'] as const),
];

export function errorOfFault(code: FaultCode): IdentityError {
  return UNAVAILABLE.includes(code)
    ? new IdentityError(503, 'The service is currently unable to handle the request; try again.')
    : unexpected();
}
