// Owns the reading of who logs in, how, and for what (the `auth` object of POST /v3/auth/tokens). Guarantee:
// whoever is not let in learns nothing but that.

import type {
  StoredApplicationCredential,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import type { Scope } from '#services/identity/effective-roles.ts';
import { areEnough } from '#services/identity/login-policy.ts';
import type { IssuedToken, Token } from '#services/identity/tokens.service.ts';
import { type Fields, type IdentityCall, viewOf } from './call.ts';
import { badRequest, IdentityError, unauthorized } from './errors.ts';

interface Proven {
  readonly user: StoredUser;
  readonly methods: readonly string[];
  readonly from?: Token;
  readonly applicationCredential?: StoredApplicationCredential;
}

const METHODS = ['password', 'token', 'application_credential'] as const;

export async function login(call: IdentityCall, auth: Fields): Promise<IssuedToken> {
  const { tokens } = call.gateway;
  const identity = auth.record('identity');
  const proven = await prove(call, identity);
  const { user, methods, from, applicationCredential } = proven;
  if (!areEnough(user, methods)) throw unauthorized();
  const common = { user, methods, from, applicationCredential };
  if (applicationCredential) {
    if (auth.has('scope')) throw unauthorized();
    const scope = { kind: 'project', id: applicationCredential.projectId } as const;
    return issued(await tokens.issue({ ...common, scope }));
  }
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

function issued(token: IssuedToken | undefined): IssuedToken {
  if (!token) throw unauthorized();
  return token;
}

async function prove(call: IdentityCall, identity: Fields): Promise<Proven> {
  const methods = identity.texts('methods');
  const [method] = methods;
  const unknown = methods.find((name) => !METHODS.some((known) => known === name));
  if (method === undefined || methods.length !== 1) {
    throw new IdentityError(501, 'One method of authentication at a time is built.');
  }
  if (unknown !== undefined) throw unauthorized();
  if (method === 'password') return provePassword(call, identity.record('password').record('user'));
  if (method === 'token') return proveToken(call, identity.record('token').text('id'));
  return proveApplicationCredential(call, identity.record('application_credential'));
}

async function provePassword(call: IdentityCall, given: Fields): Promise<Proven> {
  const user = userOf(call, given);
  const { identity, clock } = call.gateway;
  const login = await identity.logins.byPassword(user, given.text('password'), clock.nowMs());
  if (login === 'wrong' || !user) throw unauthorized();
  if (login === 'expired') {
    // Only who has the password is told.
    const message = `The password is expired and needs to be changed for user: ${user.id}.`;
    throw new IdentityError(401, message);
  }
  return { user, methods: ['password'] };
}

async function proveToken(call: IdentityCall, id: string): Promise<Proven> {
  const from = await call.gateway.tokens.validate(id);
  // What an application credential was restricted to is not to be widened by its tokens.
  if (!from || from.applicationCredential) throw unauthorized();
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
  if (scope.has('OS-TRUST:trust')) throw new IdentityError(501, 'Trusts are not built.');
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
