// Owns the use cases of trusts: one user lets another act with some of the one's roles on a project. What a
// trust is worth is judged whenever it, or a token by it, is used: it gives nothing that its trustor has no
// more, nor anything once it, or one that it was passed on from, has ended.

import { type TrustCommand, type TrustState, trustDecider } from '#core/identity/trusts.decider.ts';
import { trusts } from '#core/identity/trusts.events.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor, StreamGuard } from '#core/log/event-log.ts';
import type {
  IdentityById,
  StoredRole,
  StoredTrust,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import { effectiveRoles, withImplied } from './effective-roles.ts';
import type { TrustRejection } from './identity.ts';
import { allOf, guardOf, type IdentityContext, run } from './identity-context.ts';

type Refused = Rejection<TrustRejection>;

/** `uses`: of tokens. */
export type NewTrust = Omit<StoredTrust, 'id' | 'revision' | 'usesLeft'> & { readonly uses?: number };

/** Who acts by a trust, and in whose place. */
export interface TrustParties {
  readonly trustor: StoredUser;
  readonly trustee: StoredUser;
}

export class TrustUseCases {
  readonly #context: IdentityContext;

  constructor(context: IdentityContext) {
    this.#context = context;
  }

  /** Resolves to its id. */
  async create(actor: Actor, trust: NewTrust): Promise<string | Refused> {
    const { identity, random } = this.#context;
    const { trustorId, trusteeId, projectId, parentId, roleIds } = trust;
    const trustor = identity.get('user', trustorId);
    if (!trustor) return { rejected: 'no-such-user' };
    const known = await identity.trustsOf(trustorId, limits.trustsPerUser);
    if (known.length >= limits.trustsPerUser) return { rejected: 'too-many-trusts' };
    const parent = parentId === '' ? undefined : identity.trust(parentId);
    if (parentId !== '' && !(parent && isWithin(trust, parent))) return { rejected: 'trust-widened' };
    const has = effectiveRoles(identity, trustor, { kind: 'project', id: projectId });
    if (roleIds.some((roleId) => !has.some(({ id }) => id === roleId))) return { rejected: 'role-not-held' };
    const id = newId(random);
    const refused = await this.#run(actor, id, { type: 'CreateTrust', ...trust }, () =>
      allOf<TrustRejection>(
        guardOf(identity, 'user', trustorId),
        guardOf(identity, 'user', trusteeId),
        guardOf(identity, 'project', projectId),
      ),
    );
    return refused ?? id;
  }

  /** To be counted before a token is made by it. */
  use(actor: Actor, id: string): Promise<undefined | Refused> {
    return this.#run(actor, id, { type: 'UseTrust' });
  }

  /** With all that it was passed on to. */
  async delete(actor: Actor, id: string): Promise<undefined | Refused> {
    const { identity } = this.#context;
    const trust = identity.trust(id);
    if (!trust) return { rejected: 'no-such-trust' };
    const refused = await this.#run(actor, id, { type: 'DeleteTrust' });
    if (refused) return refused;
    const others = await identity.trustsOf(trust.trustorId, limits.identityListed);
    for (const { id: childId, parentId } of others) if (parentId === id) await this.delete(actor, childId);
    return undefined;
  }

  /** Of a user who is gone. */
  async deleteOf(actor: Actor, userId: string): Promise<void> {
    const { identity } = this.#context;
    for (;;) {
      const found = await identity.trustsOf(userId, limits.identityListed);
      for (const { id } of found) await this.#run(actor, id, { type: 'DeleteTrust' });
      if (found.length < limits.identityListed) return;
    }
  }

  #run(
    actor: Actor,
    id: string,
    command: TrustCommand,
    guards: () => readonly StreamGuard[] | Refused = () => [],
  ): Promise<undefined | Refused> {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: trustDecider, lifecycle: trusts, id, command, actor, guards },
      state: () => stateOf(identity.trust(id)),
      revision: () => identity.trustRevision(id),
    }) as Promise<undefined | Refused>;
  }
}

function stateOf(trust: StoredTrust | undefined): TrustState {
  if (!trust) return { status: 'absent' };
  return { status: 'active', ...(trust.usesLeft !== undefined && { usesLeft: trust.usesLeft }) };
}

/** Whether what is passed on is no more than what there is. */
function isWithin(trust: NewTrust, parent: StoredTrust): boolean {
  const isSoonEnough = (trust.expiresMs ?? Infinity) <= (parent.expiresMs ?? Infinity);
  return (
    parent.trustorId === trust.trustorId &&
    parent.projectId === trust.projectId &&
    parent.redelegations > trust.redelegations &&
    (parent.impersonation || !trust.impersonation) &&
    isSoonEnough &&
    trust.roleIds.every((id) => parent.roleIds.includes(id))
  );
}

/** Undefined where the trust, or one that it was passed on from, has ended, or a user of it is disabled. */
export function partiesOf(
  identity: IdentityById,
  trust: StoredTrust,
  nowMs: number,
): TrustParties | undefined {
  const chain: StoredTrust[] = [];
  for (let each: StoredTrust | undefined = trust; each; each = identity.trust(each.parentId)) {
    if (each.expiresMs !== undefined && each.expiresMs <= nowMs) return undefined;
    chain.push(each);
  }
  if (chain.at(-1)?.parentId !== '') return undefined;
  const users = [trust.trustorId, ...chain.map(({ trusteeId }) => trusteeId)];
  for (const id of users) {
    const user = identity.get('user', id);
    if (!user?.enabled || !identity.get('domain', user.domainId)?.enabled) return undefined;
  }
  const [trustor, trustee] = [trust.trustorId, trust.trusteeId].map((id) => identity.get('user', id));
  return trustor && trustee && { trustor, trustee };
}

/** None where the trustor lacks one of them now. */
export function rolesByTrust(identity: IdentityById, trust: StoredTrust): readonly StoredRole[] {
  const trustor = identity.get('user', trust.trustorId);
  const has = trustor ? effectiveRoles(identity, trustor, { kind: 'project', id: trust.projectId }) : [];
  const lacks = trust.roleIds.some((roleId) => !has.some(({ id }) => id === roleId));
  return lacks ? [] : withImplied(identity, trust.roleIds);
}
