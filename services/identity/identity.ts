// Owns the port of identity: the use cases that gateways call, and every "no" that they may answer. Reads go
// to `view`, after `barrier`: then they see whatever was acknowledged before the call began.

import type { CatalogDecisionCode, QuotaDecisionCode } from '#core/identity/catalog.decider.ts';
import type {
  DomainDecisionCode,
  GroupDecisionCode,
  ProjectDecisionCode,
} from '#core/identity/directory.decider.ts';
import type { FederationDecisionCode } from '#core/identity/federation.decider.ts';
import type { AssignmentDecisionCode, RoleDecisionCode } from '#core/identity/roles.decider.ts';
import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import type { TrustDecisionCode } from '#core/identity/trusts.decider.ts';
import type { UserDecisionCode } from '#core/identity/users.decider.ts';
import type { Clock } from '#core/kernel/clock.ts';
import type { IdentityById } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { ServiceContext } from '../context.ts';
import { Adoption } from './adoption.ts';
import { CatalogUseCases } from './catalog.service.ts';
import { DirectoryUseCases } from './directory.service.ts';
import { type DirectorySources, ExternalDomains } from './external-domains.ts';
import { FederationUseCases, type OidcProviders } from './federation.service.ts';
import type { IdentityContext, NameRefusal, NoSuch } from './identity-context.ts';
import { type LoginPolicy, NO_LOGIN_POLICY } from './login-policy.ts';
import { LoginUseCases } from './logins.service.ts';
import { type PasswordCost, Passwords } from './passwords.ts';
import { RoleUseCases } from './roles.service.ts';
import type { TokenUseCases } from './tokens.service.ts';
import { TrustUseCases } from './trusts.service.ts';
import { UserUseCases } from './users.service.ts';

export type UserRejection =
  | UserDecisionCode
  | NameRefusal
  | NoSuch
  | 'domain-disabled'
  /** Not as the settings of the cloud want passwords. */
  | 'weak-password'
  | 'password-used-before'
  | 'password-too-young'
  /** The user may not choose it. */
  | 'password-locked';
export type RoleRejection =
  | RoleDecisionCode
  | AssignmentDecisionCode
  | NameRefusal
  | NoSuch
  /** A role cannot imply itself, nor by way of others. */
  | 'role-circle';
export type DirectoryRejection =
  | DomainDecisionCode
  | ProjectDecisionCode
  | GroupDecisionCode
  | UserRejection
  | RoleRejection
  | 'no-such-parent'
  | 'parent-disabled'
  /** A project lies in the domain of its parent. */
  | 'domain-mismatch'
  | 'too-deep'
  | 'project-has-children'
  | 'project-owns-buckets';
export type TrustRejection =
  | TrustDecisionCode
  | NoSuch
  | 'too-many-trusts'
  /** The trustor lacks a role that is to be given. */
  | 'role-not-held'
  /** It would give more than the trust that it is passed on from. */
  | 'trust-widened';
export type FederationRejection = FederationDecisionCode;
export type CatalogRejection = CatalogDecisionCode | QuotaDecisionCode;
export type IdentityRejection = DirectoryRejection | CatalogRejection | TrustRejection | FederationRejection;

export interface Identity {
  readonly view: IdentityById;
  readonly directory: DirectoryUseCases;
  readonly users: UserUseCases;
  readonly logins: LoginUseCases;
  readonly external: ExternalDomains;
  readonly roles: RoleUseCases;
  readonly trusts: TrustUseCases;
  readonly federation: FederationUseCases;
  readonly catalog: CatalogUseCases;
  readonly adoption: Adoption;
  barrier(): Promise<void> | undefined;
  /** Loads what signs and verifies, which a start need not wait for. */
  tokens(clock: Clock): Promise<TokenUseCases>;
}

export interface IdentityOptions {
  /** Lower in tests alone. */
  readonly passwordCost?: PasswordCost;
  /** Default: whatever a password is, it is good for ever. */
  readonly loginPolicy?: LoginPolicy;
  /** Domains whose people are kept elsewhere. */
  readonly directories?: DirectorySources;
  /** Identity providers elsewhere whose tokens are believed. */
  readonly oidc?: OidcProviders;
}

export function createIdentity(
  services: ServiceContext,
  keys: SubjectKeys,
  options: IdentityOptions = {},
): Identity {
  const context: IdentityContext = { ...services, keys, claiming: new Map() };
  const passwords = new Passwords(services.random, options.passwordCost);
  const roles = new RoleUseCases(context);
  const policy = options.loginPolicy ?? NO_LOGIN_POLICY;
  const trusts = new TrustUseCases(context);
  const users = new UserUseCases(context, { passwords, roles, trusts, policy });
  const directory = new DirectoryUseCases(context, users, roles);
  return {
    view: services.identity,
    directory,
    users,
    logins: new LoginUseCases(context, users, policy),
    external: new ExternalDomains(context, users, directory, options.directories ?? new Map()),
    roles,
    trusts,
    federation: new FederationUseCases(context, users, options.oidc ?? new Map()),
    catalog: new CatalogUseCases(context),
    adoption: new Adoption(context, directory, users, roles),
    barrier: () => services.barrier(),
    async tokens(clock) {
      const { TokenUseCases } = await import('./tokens.service.ts');
      return new TokenUseCases(context, clock);
    },
  };
}
