// Owns the use cases of roles, of what they imply, and of who has them on what.

import {
  type AssignmentCommand,
  assignmentDecider,
  type RoleCommand,
  type RoleState,
  roleDecider,
} from '#core/identity/roles.decider.ts';
import { assignments, roles } from '#core/identity/roles.events.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor, StreamGuard } from '#core/log/event-log.ts';
import { type Scope, targetIdOf, withImplied } from './effective-roles.ts';
import type { RoleRejection } from './identity.ts';
import { allOf, guardOf, type IdentityContext, run, withName } from './identity-context.ts';

type Refused = Rejection<RoleRejection>;
type Outcome = Promise<undefined | Refused>;

export interface NewRole {
  readonly name: string;
  readonly description: string;
  /** Empty for a role of the whole cloud. */
  readonly domainId: string;
}

/** Who gets a role, and on what. */
export interface Assignee {
  readonly kind: 'user' | 'group';
  readonly id: string;
}

export class RoleUseCases {
  readonly #context: IdentityContext;

  constructor(context: IdentityContext) {
    this.#context = context;
  }

  async createRole(actor: Actor, role: NewRole, id = newId(this.#context.random)): Promise<string | Refused> {
    const { identity } = this.#context;
    const named = { kind: 'role', scopeId: role.domainId, name: role.name, id } as const;
    const refused = await withName(this.#context, actor, named, (nameGuard) =>
      this.#runRole(actor, id, { type: 'CreateRole', ...role }, () =>
        allOf<RoleRejection | 'name-lost'>(
          nameGuard(),
          role.domainId === '' ? undefined : guardOf(identity, 'domain', role.domainId),
        ),
      ),
    );
    return refused ?? id;
  }

  async updateRole(actor: Actor, id: string, changes: Partial<Omit<NewRole, 'domainId'>>): Outcome {
    const role = this.#context.identity.get('role', id);
    if (!role) return { rejected: 'no-such-role' };
    const command = { type: 'UpdateRole', ...changes } as const;
    const { name } = changes;
    if (name === undefined || name === role.name) return this.#runRole(actor, id, command);
    const named = { kind: 'role', scopeId: role.domainId, name, id } as const;
    return withName(this.#context, actor, named, (nameGuard) =>
      this.#runRole(actor, id, command, () => allOf<RoleRejection | 'name-lost'>(nameGuard())),
    );
  }

  /** Grants of a role that is gone give nothing; they are withdrawn behind it. */
  async deleteRole(actor: Actor, id: string): Outcome {
    const { identity } = this.#context;
    const refused = await this.#runRole(actor, id, { type: 'DeleteRole' });
    if (refused) return refused;
    const implying = await identity.list('role', limits.identityListed, (role) =>
      role.impliedRoleIds.includes(id),
    );
    for (const role of implying) await this.unimplyRole(actor, role.id, id);
    for (const { actorId, targetId, grants } of await identity.assignments(limits.identityListed)) {
      for (const { roleId, inherited } of grants) {
        if (roleId !== id) continue;
        await this.#runAssignment(actor, actorId, targetId, { type: 'WithdrawRole', roleId, inherited });
      }
    }
    return undefined;
  }

  /** No circles: a role that comes to imply itself is refused. */
  implyRole(actor: Actor, id: string, impliedRoleId: string): Outcome {
    const { identity } = this.#context;
    const isCircle = () =>
      id === impliedRoleId || withImplied(identity, [impliedRoleId]).some((role) => role.id === id);
    return this.#runRole(actor, id, { type: 'ImplyRole', impliedRoleId }, () =>
      isCircle() ? { rejected: 'role-circle' } : allOf(guardOf(identity, 'role', impliedRoleId)),
    );
  }

  unimplyRole(actor: Actor, id: string, impliedRoleId: string): Outcome {
    return this.#runRole(actor, id, { type: 'UnimplyRole', impliedRoleId });
  }

  grant(actor: Actor, to: Assignee, scope: Scope, roleId: string, inherited: boolean): Outcome {
    const { identity } = this.#context;
    const targetId = targetIdOf(scope);
    const command = {
      ...({ type: 'GrantRole', actorKind: to.kind, actorId: to.id } as const),
      ...{ targetKind: scope.kind, targetId, roleId, inherited },
    };
    return this.#runAssignment(actor, to.id, targetId, command, () =>
      allOf<RoleRejection>(
        guardOf(identity, to.kind, to.id),
        scope.kind === 'system' ? undefined : guardOf(identity, scope.kind, scope.id),
        guardOf(identity, 'role', roleId),
      ),
    );
  }

  withdraw(actor: Actor, actorId: string, scope: Scope, roleId: string, inherited: boolean): Outcome {
    const command = { type: 'WithdrawRole', roleId, inherited } as const;
    return this.#runAssignment(actor, actorId, targetIdOf(scope), command);
  }

  /** Of an actor or a target that is gone, or about to be made again under the same id. */
  async withdrawAll(
    actor: Actor,
    of: { readonly actorId: string } | { readonly targetId: string },
  ): Promise<void> {
    const { identity } = this.#context;
    const most = limits.identityListed;
    for (;;) {
      const found =
        'actorId' in of
          ? await identity.assignmentsOf(of.actorId, most)
          : await identity.assignmentsOn(of.targetId, most);
      for (const { actorId, targetId } of found) {
        await this.#runAssignment(actor, actorId, targetId, { type: 'WithdrawAll' });
      }
      if (found.length < most) return;
    }
  }

  #runRole(
    actor: Actor,
    id: string,
    command: RoleCommand,
    guards: () => readonly StreamGuard[] | Rejection<RoleRejection | 'name-lost'> = () => [],
  ): Outcome {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: roleDecider, lifecycle: roles, id, command, actor, guards },
      state: (): RoleState => {
        const role = identity.get('role', id);
        return role ? { status: 'active', impliedRoleIds: role.impliedRoleIds } : { status: 'absent' };
      },
      revision: () => identity.revision('role', id),
    }) as Outcome;
  }

  #runAssignment(
    actor: Actor,
    actorId: string,
    targetId: string,
    command: AssignmentCommand,
    guards: () => readonly StreamGuard[] | Refused = () => [],
  ): Outcome {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: assignmentDecider, lifecycle: assignments, id: `${actorId}:${targetId}` },
      ...{ command, actor, guards },
      state: () => ({ status: 'open', grants: identity.assignment(actorId, targetId)?.grants ?? [] }),
      revision: () => identity.assignmentRevision(actorId, targetId),
    });
  }
}
