// Owns tokens: JWS (RFC 7515, by jose) that say who logged in, how, and for what; roles are looked up each
// time a token is judged. Guarantees: a token is void once it, its user's or its project's tokens are
// revoked, and whenever user, project or domain is disabled, or the last role there is withdrawn. No clock
// decides that: a token carries the revision from which its user's and its project's tokens counted when it
// was made. Budget of a token that was judged before, with nothing changed since: two look-ups in memory, no
// await.

import { type JWTPayload, SignJWT } from 'jose';
import { tokenDecider } from '#core/identity/tokens.decider.ts';
import { tokens as tokenLifecycle } from '#core/identity/tokens.events.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor } from '#core/log/event-log.ts';
import type {
  IdentityById,
  StoredApplicationCredential,
  StoredDomain,
  StoredProject,
  StoredRole,
  StoredTrust,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import { claimsOfJws, headerOfJws } from './compact-jws.ts';
import { effectiveRoles, isAdminProject, type Scope, withImplied } from './effective-roles.ts';
import { type IdentityContext, run } from './identity-context.ts';
import { TokenKeys } from './token-keys.ts';
import { partiesOf, rolesByTrust } from './trusts.service.ts';

/** A token in force: who, for what, and with which roles at this moment. */
export interface Token {
  /** Its own, and that of the first token of its chain where it came from another. */
  readonly auditIds: readonly string[];
  readonly methods: readonly string[];
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly user: StoredUser;
  readonly userDomain: StoredDomain;
  /** Absent: for nothing yet. */
  readonly scope?: Scope;
  readonly project?: StoredProject;
  /** Of the scope: the domain itself, or that of the project. */
  readonly domain?: StoredDomain;
  readonly roles: readonly StoredRole[];
  readonly applicationCredential?: StoredApplicationCredential;
  /** By which the trustee acts with the trustor's roles, where it says so in the trustor's name. */
  readonly trust?: StoredTrust;
  /** Administers the cloud. */
  readonly isCloudAdmin: boolean;
}

export interface TokenRequest {
  readonly user: StoredUser;
  readonly methods: readonly string[];
  readonly scope?: Scope | undefined;
  readonly applicationCredential?: StoredApplicationCredential | undefined;
  /** Of which `user` is the trustee; the scope is its project. */
  readonly trust?: StoredTrust | undefined;
  /** The token by which the caller logged in: its end is the new one's. */
  readonly from?: Token | undefined;
}

export interface IssuedToken {
  readonly id: string;
  readonly token: Token;
}

/** What a token says. Names are short: it travels with every call. */
interface Claims {
  readonly sub: string;
  /** Audit id, and that of the chain. */
  readonly jti: string;
  readonly chain?: string;
  readonly methods: readonly string[];
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Revisions from which tokens of the user, the user's domain and the scope counted. */
  readonly user: number;
  readonly userDomain: number;
  readonly scope?: Scope;
  readonly scopeFrom?: number;
  readonly application?: string;
  readonly trust?: string;
  /** Revision from which tokens of the trustor counted. */
  readonly trustor?: number;
}

/** That somebody has shown who they are by some methods, though not by enough of them. */
export interface Receipt {
  readonly user: StoredUser;
  readonly methods: readonly string[];
  readonly issuedMs: number;
  readonly expiresMs: number;
}

type ReceiptClaims = Pick<Claims, 'sub' | 'methods' | 'issuedMs' | 'expiresMs' | 'user'>;

/** In the header of a receipt, so that none is taken for a token. */
const RECEIPT = 'receipt';

interface Known {
  readonly claims: Claims;
  readonly identityChanges: number;
  readonly tokenChanges: number;
  readonly token: Token | undefined;
}

const AUDIT_BYTES = 16;

export class TokenUseCases {
  readonly #context: IdentityContext;
  readonly #clock: Clock;
  readonly #keys: TokenKeys;
  /** By token: oldest first. */
  readonly #known = new Map<string, Known>();

  constructor(context: IdentityContext, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
    this.#keys = new TokenKeys(context, clock);
  }

  /** Undefined where the user has no role in the scope, or something of it is disabled. */
  async issue(request: TokenRequest): Promise<IssuedToken | undefined> {
    const { identity, random } = this.#context;
    const { user, methods, scope, applicationCredential, trust, from } = request;
    const nowMs = this.#clock.nowMs();
    const auditId = random.fill(Buffer.alloc(AUDIT_BYTES)).toString('base64url');
    const userDomain = identity.get('domain', user.domainId);
    if (!userDomain) return undefined;
    const endsMs = [applicationCredential?.expiresMs, trust?.expiresMs].filter((each) => each !== undefined);
    const lifeEndMs = Math.min(from?.expiresMs ?? nowMs + limits.tokenLifeMs, ...endsMs);
    const claims: Claims = {
      sub: user.id,
      jti: auditId,
      methods,
      issuedMs: nowMs,
      expiresMs: lifeEndMs,
      user: user.tokensFrom,
      userDomain: userDomain.tokensFrom,
      ...(from && { chain: from.auditIds.at(-1) ?? auditId }),
      ...(scope && { scope }),
      ...(scope && scope.kind !== 'system' && { scopeFrom: this.#countsFrom(scope) ?? -1 }),
      ...(applicationCredential && { application: applicationCredential.id }),
      ...(trust && { trust: trust.id, trustor: identity.get('user', trust.trustorId)?.tokensFrom ?? -1 }),
    };
    const token = this.#judge(claims);
    if (!token) return undefined;
    return { id: await this.#signed({ ...claims }), token };
  }

  /** Good for a few minutes, and while the user's tokens from before are. */
  async issueReceipt(
    user: StoredUser,
    methods: readonly string[],
  ): Promise<Receipt & { readonly id: string }> {
    const issuedMs = this.#clock.nowMs();
    const common = { methods, issuedMs, expiresMs: issuedMs + limits.receiptLifeMs };
    const claims: ReceiptClaims = { ...common, sub: user.id, user: user.tokensFrom };
    return { ...common, user, id: await this.#signed({ ...claims }, RECEIPT) };
  }

  /** Undefined for what is no receipt, or none any more. */
  async openReceipt(id: string): Promise<Receipt | undefined> {
    const claims = await this.#opened<ReceiptClaims>(id, RECEIPT);
    const user = claims && this.#context.identity.get('user', claims.sub);
    if (!claims || claims.expiresMs <= this.#clock.nowMs() || user?.tokensFrom !== claims.user)
      return undefined;
    const { methods, issuedMs, expiresMs } = claims;
    return { user, methods, issuedMs, expiresMs };
  }

  async #signed(claims: JWTPayload, type?: string): Promise<string> {
    const { keyId, privateKey } = await this.#keys.signing();
    const header = { alg: 'EdDSA', kid: keyId, ...(type !== undefined && { typ: type }) };
    return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  }

  /** Undefined for a token that is not in force. */
  validate(id: string): Token | undefined | Promise<Token | undefined> {
    const behind = this.#context.barrier();
    return behind ? behind.then(() => this.#validate(id)) : this.#validate(id);
  }

  #validate(id: string): Token | undefined | Promise<Token | undefined> {
    const known = this.#known.get(id);
    if (!known) return this.#verify(id);
    const { claims, identityChanges, tokenChanges, token } = known;
    if (claims.expiresMs <= this.#clock.nowMs()) {
      this.#known.delete(id);
      return undefined;
    }
    const { identity, tokens } = this.#context;
    if (identityChanges === identity.changes() && tokenChanges === tokens.changes()) return token;
    return this.#remember(id, claims);
  }

  async revoke(actor: Actor, token: Token): Promise<void> {
    const [auditId = ''] = token.auditIds;
    await run(this.#context, {
      ...{ decider: tokenDecider, lifecycle: tokenLifecycle, id: 'revoked', actor },
      command: { type: 'RevokeToken', auditId, expiresMs: token.expiresMs },
      state: () => tokenDecider.initial,
      // The order of revocations does not matter.
      revision: () => 'any',
    });
  }

  async #verify(id: string): Promise<Token | undefined> {
    const claims = await this.#opened<Claims>(id);
    if (!claims) return undefined;
    return claims.expiresMs <= this.#clock.nowMs() ? undefined : this.#remember(id, claims);
  }

  /** What we signed as of this type. */
  async #opened<Signed>(id: string, type?: string): Promise<Signed | undefined> {
    if (id.length > limits.tokenBytes) return undefined;
    const header = headerOfJws(id);
    if (!header || header.typ !== type) return undefined;
    const key = await this.#keys.verifying(header.kid);
    return key && (claimsOfJws(id, key.publicKey) as Signed | undefined);
  }

  #remember(id: string, claims: Claims): Token | undefined {
    const { identity, tokens } = this.#context;
    const token = tokens.isRevoked(claims.jti) ? undefined : this.#judge(claims);
    this.#known.delete(id);
    if (this.#known.size >= limits.verifiedTokens) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    const changes = { identityChanges: identity.changes(), tokenChanges: tokens.changes() };
    this.#known.set(id, { claims, ...changes, token });
    return token;
  }

  /** What the claims are worth at this moment. */
  #judge(claims: Claims): Token | undefined {
    const { identity } = this.#context;
    const user = identity.get('user', claims.sub);
    if (!user?.enabled || user.tokensFrom !== claims.user) return undefined;
    if (!isVouchedFor(identity, user)) return undefined;
    const userDomain = identity.get('domain', user.domainId);
    if (!userDomain?.enabled || userDomain.tokensFrom !== claims.userDomain) return undefined;
    const { scope, jti, chain, methods, issuedMs, expiresMs, application } = claims;
    const applicationCredential =
      application === undefined ? undefined : identity.applicationCredential(application);
    if (application !== undefined && !applicationCredential) return undefined;
    const byTrust = this.#judgeTrust(claims);
    if (claims.trust !== undefined && !byTrust) return undefined;
    const common = {
      ...{ auditIds: chain === undefined ? [jti] : [jti, chain], methods, issuedMs, expiresMs },
      ...{ user, userDomain, ...byTrust },
      ...(applicationCredential && { applicationCredential }),
    };
    if (!scope) return { ...common, roles: [], isCloudAdmin: false };
    if (scope.kind !== 'system' && this.#countsFrom(scope) !== claims.scopeFrom) return undefined;
    const project = scope.kind === 'project' ? identity.get('project', scope.id) : undefined;
    const domainId = scope.kind === 'domain' ? scope.id : project?.domainId;
    const domain = domainId === undefined ? undefined : identity.get('domain', domainId);
    if (scope.kind !== 'system' && !domain?.enabled) return undefined;
    if (scope.kind === 'project' && !project?.enabled) return undefined;
    const roles = byTrust
      ? rolesByTrust(identity, byTrust.trust)
      : this.#rolesOf(user, scope, applicationCredential);
    if (roles.length === 0) return undefined;
    const isAdmin = roles.some(({ name }) => name === 'admin');
    const isCloudAdmin = isAdmin && (scope.kind === 'system' || isAdminProject(project));
    return { ...common, scope, ...(project && { project }), ...(domain && { domain }), roles, isCloudAdmin };
  }

  /** The trust, and in whose name its trustee acts. */
  #judgeTrust(
    claims: Claims,
  ): (Pick<Token, 'trust' | 'user' | 'userDomain'> & { trust: StoredTrust }) | undefined {
    const { identity } = this.#context;
    const trust = claims.trust === undefined ? undefined : identity.trust(claims.trust);
    const parties = trust && partiesOf(identity, trust, this.#clock.nowMs());
    if (!trust || !parties || parties.trustor.tokensFrom !== claims.trustor) return undefined;
    const user = trust.impersonation ? parties.trustor : parties.trustee;
    const userDomain = identity.get('domain', user.domainId);
    return userDomain && { trust, user, userDomain };
  }

  /** An application credential gives what it was given, as far as its user still has that. */
  #rolesOf(
    user: StoredUser,
    scope: Scope,
    credential: StoredApplicationCredential | undefined,
  ): readonly StoredRole[] {
    const { identity } = this.#context;
    const roles = effectiveRoles(identity, user, scope);
    if (!credential) return roles;
    if (credential.roleIds.some((roleId) => !roles.some(({ id }) => id === roleId))) return [];
    return withImplied(identity, credential.roleIds);
  }

  #countsFrom(scope: Scope): number | undefined {
    if (scope.kind === 'system') return undefined;
    return this.#context.identity.get(scope.kind, scope.id)?.tokensFrom;
  }
}

/** Of whom an identity provider elsewhere sent: it must still be one. */
function isVouchedFor(identity: IdentityById, { federated }: StoredUser): boolean {
  if (!federated) return true;
  const { providers } = identity.federation();
  return providers.some(({ providerId, enabled }) => enabled && providerId === federated.providerId);
}
