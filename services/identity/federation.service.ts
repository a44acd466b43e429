// Owns the use cases of identity providers elsewhere: which there are, and the login of those whom they vouch
// for. Whoever comes gets a user here, in the provider's domain, under an id that follows from the provider
// and its name for the user; name, mail and groups are what the mapping makes of the claims, each time anew.
// An administrator may disable such a user, which no login undoes.

import { createHash } from 'node:crypto';
import { type FederationCommand, federationDecider } from '#core/identity/federation.decider.ts';
import { federation } from '#core/identity/federation.events.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor } from '#core/log/event-log.ts';
import type { StoredFederation, StoredUser } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { FederationRejection } from './identity.ts';
import { type IdentityContext, run } from './identity-context.ts';
import { type Mapped, mapClaims, readRules } from './mapping-rules.ts';
import type { OidcProviderKeys, OidcSettings } from './oidc-provider-keys.ts';
import type { UserUseCases } from './users.service.ts';

/** By the id of the identity provider. */
export type OidcProviders = ReadonlyMap<string, OidcSettings>;

interface Login {
  readonly providerId: string;
  readonly protocolId: string;
  /** The provider's token: an ID token, or an access token that is a JWT. */
  readonly token: string;
}

const ACTOR: Actor = { user: 'system', project: 'system', requestId: 'federation' };

export const protocolEntryId = (providerId: string, protocolId: string): string =>
  `${providerId}/${protocolId}`;

export class FederationUseCases {
  readonly #context: IdentityContext;
  readonly #users: UserUseCases;
  readonly #settings: OidcProviders;
  readonly #keys = new Map<string, OidcProviderKeys>();

  constructor(context: IdentityContext, users: UserUseCases, settings: OidcProviders) {
    this.#context = context;
    this.#users = users;
    this.#settings = settings;
  }

  change(actor: Actor, command: FederationCommand): Promise<undefined | Rejection<FederationRejection>> {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: federationDecider, lifecycle: federation, id: 'all', command, actor },
      state: () => ({ status: 'open' as const, ...identity.federation() }),
      revision: () => identity.federation().revision,
    });
  }

  /** Undefined where the provider does not vouch for anybody whom it should. @throws Fault `unreachable` */
  async login({ providerId, protocolId, token }: Login, nowMs: number): Promise<StoredUser | undefined> {
    const { identity } = this.#context;
    const known: StoredFederation = identity.federation();
    const provider = known.providers.find((each) => each.providerId === providerId);
    const entryId = protocolEntryId(providerId, protocolId);
    const protocol = known.protocols.find((each) => each.entryId === entryId);
    const mapping = known.mappings.find(({ mappingId }) => mappingId === protocol?.mappingId);
    const settings = this.#settings.get(providerId);
    if (!provider?.enabled || !mapping || !settings) return undefined;
    const { remoteIds, domainId } = provider;
    if (remoteIds.length > 0 && !remoteIds.includes(settings.issuer)) return undefined;
    const claims = await (await this.#keysOf(providerId, settings)).claimsOf(token, nowMs);
    const mapped = claims && mapClaims(readRules(JSON.parse(mapping.rules)), claims);
    const subject = mapped?.userId || claims?.sub;
    if (!mapped || !subject) return undefined;
    const id = idOf(providerId, protocolId, subject);
    const federated = { providerId, protocolId };
    await this.#meet(id, { domainId, name: mapped.userName, email: mapped.email, federated });
    await this.#meetGroups(id, mapped);
    const user = identity.get('user', id);
    return user?.enabled ? user : undefined;
  }

  async #meet(
    id: string,
    {
      domainId,
      ...is
    }: Pick<StoredUser, 'domainId' | 'name' | 'email'> & {
      readonly federated: { readonly providerId: string; readonly protocolId: string };
    },
  ): Promise<void> {
    const { federated, ...named } = is;
    const known = this.#context.identity.get('user', id);
    if (!known) {
      const made = { domainId, description: '', enabled: true, defaultProjectId: '', extra: {} };
      await this.#users.createUser(ACTOR, { ...made, ...named, federated }, undefined, id);
    } else if (known.name !== named.name || known.email !== named.email) {
      await this.#users.updateUser(ACTOR, id, named);
    }
  }

  /** Those that the mapping tells, and no others. */
  async #meetGroups(id: string, { groupIds, groupNames }: Mapped): Promise<void> {
    const { identity } = this.#context;
    const before = identity.get('user', id)?.groupIds ?? [];
    const named = groupNames.map(({ name, domain }) => {
      const domainId = 'id' in domain ? domain.id : identity.idOf('domain', '', domain.name);
      return domainId === undefined ? undefined : identity.idOf('group', domainId, name);
    });
    const isThere = (groupId: string | undefined): groupId is string =>
      groupId !== undefined && identity.get('group', groupId) !== undefined;
    const now = [...new Set([...groupIds, ...named].filter(isThere))].slice(0, limits.groupsPerUser);
    for (const groupId of before) {
      if (!now.includes(groupId)) await this.#users.leaveGroup(ACTOR, id, groupId);
    }
    for (const groupId of now) {
      if (before.includes(groupId)) continue;
      const refused = await this.#users.joinGroup(ACTOR, id, groupId);
      if (isRejected(refused)) return;
    }
  }

  async #keysOf(providerId: string, settings: OidcSettings): Promise<OidcProviderKeys> {
    const { OidcProviderKeys } = await import('./oidc-provider-keys.ts');
    const keys = this.#keys.get(providerId) ?? new OidcProviderKeys(settings);
    this.#keys.set(providerId, keys);
    return keys;
  }
}

function idOf(...parts: readonly string[]): string {
  return createHash('sha256')
    .update(['federated', ...parts].join('\n'))
    .digest('hex')
    .slice(0, 32);
}
