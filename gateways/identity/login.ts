// Owns the reading of who logs in, how, and for what (the `auth` object of POST /v3/auth/tokens). Guarantee:
// whoever is not let in learns nothing but that.

import type {
  StoredApplicationCredential,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import type { Scope } from '#services/identity/effective-roles.ts';
import { areEnough } from '#services/identity/login-policy.ts';
import type { IssuedToken, Token } from '#services/identity/tokens.service.ts';
import { partiesOf, rolesByTrust } from '#services/identity/trusts.service.ts';
import { accept, actorOf, type Fields, type IdentityCall, viewOf } from './call.ts';
import { badRequest, forbidden, IdentityError, unauthorized } from './errors.ts';

interface Proven {
  readonly user: StoredUser;
  readonly methods: readonly string[];
  readonly from?: Token | undefined;
  readonly applicationCredential?: StoredApplicationCredential | undefined;
}

const METHODS = ['password', 'totp', 'token', 'application_credential'] as const;

const PROOFS: Readonly<
  Record<(typeof METHODS)[number], (call: IdentityCall, given: Fields) => Promise<Proven>>
> = {
  password: provePassword,
  totp: proveOneTimePassword,
  token: proveToken,
  application_credential: proveApplicationCredential,
};

/** That the methods so far are not enough, and which would be. */
export class MoreWanted {
  readonly user: StoredUser;
  readonly methods: readonly string[];

  constructor(user: StoredUser, methods: readonly string[]) {
    this.user = user;
    this.methods = methods;
  }
}

export async function login(call: IdentityCall, auth: Fields): Promise<IssuedToken | MoreWanted> {
  const { tokens } = call.gateway;
  const identity = auth.record('identity');
  const proven = await prove(call, identity);
  const { user, methods, from, applicationCredential } = proven;
  if (!areEnough(user, methods)) return new MoreWanted(user, methods);
  const common = { user, methods, from, applicationCredential };
  if (applicationCredential) {
    if (auth.has('scope')) throw unauthorized();
    const scope = { kind: 'project', id: applicationCredential.projectId } as const;
    return issued(await tokens.issue({ ...common, scope }));
  }
  const trustId = trustIdOf(auth);
  if (trustId !== undefined) return loginByTrust(call, trustId, common);
  const scope = scopeOf(call, auth);
  if (scope !== undefined) {
    return issued(await tokens.issue({ ...common, ...(scope !== 'unscoped' && { scope }) }));
  }
  // Without a word about it a token is for the user's own project, where there is one.
  const own = user.defaultProjectId;
  const byDefault =
    own === '' ? undefined : await tokens.issue({ ...common, scope: { kind: 'project', id: own } });
  return byDefault ?? issued(await tokens.issue(common));
}

/** As the trustee of a trust; one use of it is gone then, whatever becomes of the token. */
async function loginByTrust(
  call: IdentityCall,
  id: string,
  common: Pick<Proven, 'user' | 'methods' | 'from'>,
): Promise<IssuedToken> {
  const { tokens, identity, clock } = call.gateway;
  const trust = viewOf(call).trust(id);
  if (trust?.trusteeId !== common.user.id) throw forbidden(call.operation);
  if (!partiesOf(viewOf(call), trust, clock.nowMs())) throw forbidden(call.operation);
  if (rolesByTrust(viewOf(call), trust).length === 0) throw forbidden(call.operation);
  accept(await identity.trusts.use({ ...actorOf(call), user: common.user.id }, id));
  const scope = { kind: 'project', id: trust.projectId } as const;
  return issued(await tokens.issue({ ...common, scope, trust }));
}

function trustIdOf(auth: Fields): string | undefined {
  if (!auth.has('scope') || auth.value('scope') === 'unscoped') return undefined;
  return auth.record('scope').optionalRecord('OS-TRUST:trust')?.text('id');
}

function issued(token: IssuedToken | undefined): IssuedToken {
  if (!token) throw unauthorized();
  return token;
}

/** By all the methods that the client names, and those that it has a receipt for. */
async function prove(call: IdentityCall, identity: Fields): Promise<Proven> {
  const methods = [...new Set(identity.texts('methods'))];
  if (methods.length === 0) throw badRequest("Invalid input for field 'identity.methods': there is none");
  const known = methods.map((name) => METHODS.find((each) => each === name) ?? unknownMethod());
  let proven = await proveByReceipt(call);
  for (const method of known) {
    const more = await PROOFS[method](call, identity.record(method));
    if (proven && proven.user.id !== more.user.id) throw unauthorized();
    proven = { ...proven, ...more, methods: [...new Set([...(proven?.methods ?? []), ...more.methods])] };
  }
  if (!proven) throw unauthorized();
  return proven;
}

function unknownMethod(): never {
  throw unauthorized();
}

async function proveByReceipt(call: IdentityCall): Promise<Proven | undefined> {
  const id = call.request.headers['openstack-auth-receipt'];
  if (id === undefined) return undefined;
  const receipt = typeof id === 'string' ? await call.gateway.tokens.openReceipt(id) : undefined;
  if (!receipt?.user.enabled) throw unauthorized();
  return { user: receipt.user, methods: receipt.methods };
}

async function provePassword(call: IdentityCall, method: Fields): Promise<Proven> {
  const given = method.record('user');
  const { identity, clock } = call.gateway;
  const elsewhere = externalOf(call, given);
  if (elsewhere) {
    const { domainId, by } = elsewhere;
    const met = await identity.external.login(domainId, by, given.text('password'));
    if (!met?.enabled) throw unauthorized();
    return { user: met, methods: ['password'] };
  }
  const user = userOf(call, given);
  const login = await identity.logins.byPassword(user, given.text('password'), clock.nowMs());
  if (login === 'wrong' || !user) throw unauthorized();
  if (login === 'expired') {
    // Only who has the password is told.
    const message = `The password is expired and needs to be changed for user: ${user.id}.`;
    throw new IdentityError(401, message);
  }
  return { user, methods: ['password'] };
}

async function proveOneTimePassword(call: IdentityCall, method: Fields): Promise<Proven> {
  const given = method.record('user');
  const user = userOf(call, given);
  const { identity, clock } = call.gateway;
  const isRight = await identity.logins.byOneTimePassword(user, given.text('passcode'), clock.nowMs());
  if (!isRight || !user) throw unauthorized();
  return { user, methods: ['totp'] };
}

async function proveToken(call: IdentityCall, method: Fields): Promise<Proven> {
  const from = await call.gateway.tokens.validate(method.text('id'));
  // What an application credential or a trust was restricted to is not to be widened by its tokens.
  if (!from || from.applicationCredential || from.trust) throw unauthorized();
  return { user: from.user, methods: [...new Set(['token', ...from.methods])], from };
}

async function proveApplicationCredential(call: IdentityCall, given: Fields): Promise<Proven> {
  const view = viewOf(call);
  const secret = given.text('secret');
  let credential: StoredApplicationCredential | undefined;
  if (given.has('id')) {
    credential = view.applicationCredential(given.text('id'));
  } else {
    const name = given.text('name');
    const owner = userOf(call, given.record('user'));
    const named = owner?.applicationCredentials.find((each) => each.name === name);
    credential = named && view.applicationCredential(named.id);
  }
  const isRight = await call.gateway.identity.users.isApplicationSecret(credential, secret);
  const user = credential && view.get('user', credential.userId);
  if (!isRight || !credential || !user?.enabled) throw unauthorized();
  if (credential.expiresMs !== undefined && credential.expiresMs <= call.gateway.clock.nowMs()) {
    throw unauthorized();
  }
  return { user, methods: ['application_credential'], applicationCredential: credential };
}

/** Where the password is another directory's to judge. */
function externalOf(call: IdentityCall, given: Fields) {
  const { external } = call.gateway.identity;
  if (given.has('id')) {
    const id = given.text('id');
    const domainId = external.domainOf(id);
    return domainId === undefined ? undefined : { domainId, by: { id } };
  }
  const domainId = given.has('domain') ? domainIdOf(call, given.record('domain')) : undefined;
  if (domainId === undefined || !external.has(domainId)) return undefined;
  return { domainId, by: { name: given.text('name') } };
}

/** By id, or by name and domain. Undefined where there is none. */
function userOf(call: IdentityCall, given: Fields): StoredUser | undefined {
  const view = viewOf(call);
  if (given.has('id')) return view.get('user', given.text('id'));
  const name = given.text('name');
  const domainId = domainIdOf(call, given.record('domain'));
  const id = domainId && view.idOf('user', domainId, name);
  return id ? view.get('user', id) : undefined;
}

function domainIdOf(call: IdentityCall, given: Fields): string | undefined {
  if (given.has('id')) return given.text('id');
  return viewOf(call).idOf('domain', '', given.text('name'));
}

/** Undefined where the client said nothing. */
function scopeOf(call: IdentityCall, auth: Fields): Scope | 'unscoped' | undefined {
  if (!auth.has('scope')) return undefined;
  if (auth.value('scope') === 'unscoped') return 'unscoped';
  const scope = auth.record('scope');
  if (scope.has('unscoped')) return 'unscoped';
  const project = scope.optionalRecord('project');
  if (project) return { kind: 'project', id: projectIdOf(call, project) };
  const domain = scope.optionalRecord('domain');
  if (domain) {
    const id = domainIdOf(call, domain);
    if (id === undefined) throw unauthorized();
    return { kind: 'domain', id };
  }
  if (scope.optionalRecord('system')?.optionalFlag('all')) return { kind: 'system' };
  throw badRequest("Invalid input for field 'scope': a project, a domain or the system");
}

function projectIdOf(call: IdentityCall, given: Fields): string {
  if (given.has('id')) return given.text('id');
  const domainId = domainIdOf(call, given.record('domain'));
  const id = domainId && viewOf(call).idOf('project', domainId, given.text('name'));
  if (!id) throw unauthorized();
  return id;
}
