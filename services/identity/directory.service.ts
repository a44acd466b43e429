// Owns the use cases of domains, projects and groups. Guarantees: a name is borne by one thing of its kind
// and domain; nothing is made in what is disabled or gone; what is deleted takes along whatever depends on
// it.

import {
  type DomainCommand,
  domainDecider,
  type GroupCommand,
  groupDecider,
  type ProjectCommand,
  projectDecider,
} from '#core/identity/directory.decider.ts';
import { domains, groups, projects } from '#core/identity/directory.events.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor, StreamGuard } from '#core/log/event-log.ts';
import { SecretProperties } from '../secret-properties.ts';
import { clearSpace } from '../spaces.ts';
import { above } from './effective-roles.ts';
import type { DirectoryRejection } from './identity.ts';
import { allOf, guardOf, type IdentityContext, run, withName } from './identity-context.ts';
import type { RoleUseCases } from './roles.service.ts';
import type { UserUseCases } from './users.service.ts';

type Refused = Rejection<DirectoryRejection>;
type Outcome = Promise<undefined | Refused>;
type Made = Promise<string | Refused>;
type GuardOrLost = StreamGuard | Rejection<'name-lost'>;

export interface NewDomain {
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
}

export interface NewProject extends NewDomain {
  readonly domainId: string;
  /** Empty: below the domain itself. */
  readonly parentId: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
}

export interface NewGroup {
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
}

export type ProjectChanges = Partial<Pick<NewProject, 'name' | 'description' | 'enabled' | 'extra'>>;

/** The domain that keeps what belongs to none; it is never deleted. */
export const DEFAULT_DOMAIN = 'default';

export class DirectoryUseCases {
  readonly #context: IdentityContext;
  readonly #users: UserUseCases;
  readonly #roles: RoleUseCases;
  readonly #secrets: SecretProperties;

  constructor(context: IdentityContext, users: UserUseCases, roles: RoleUseCases) {
    this.#context = context;
    this.#users = users;
    this.#roles = roles;
    this.#secrets = new SecretProperties(context, context.keys);
  }

  async createDomain(actor: Actor, domain: NewDomain, id = newId(this.#context.random)): Made {
    const named = { kind: 'domain', scopeId: '', name: domain.name, id } as const;
    const refused = await withName(this.#context, actor, named, (nameGuard) =>
      this.#runDomain(actor, id, { type: 'CreateDomain', ...domain }, nameGuard),
    );
    return refused ?? id;
  }

  async updateDomain(actor: Actor, id: string, changes: Partial<NewDomain>): Outcome {
    const { identity } = this.#context;
    const command = { type: 'UpdateDomain', ...changes } as const;
    const { name } = changes;
    if (name === undefined || name === identity.get('domain', id)?.name) {
      return this.#runDomain(actor, id, command);
    }
    return withName(this.#context, actor, { kind: 'domain', scopeId: '', name, id }, (nameGuard) =>
      this.#runDomain(actor, id, command, nameGuard),
    );
  }

  /** Only a disabled one; all that is in it goes first. */
  async deleteDomain(actor: Actor, id: string): Outcome {
    const { identity } = this.#context;
    const domain = identity.get('domain', id);
    if (!domain) return { rejected: 'no-such-domain' };
    if (domain.enabled || id === DEFAULT_DOMAIN) return { rejected: 'domain-enabled' };
    const isInside = (thing: { domainId: string }) => thing.domainId === id;
    const most = limits.identityListed;
    for (;;) {
      const users = await identity.list('user', most, isInside);
      const groupsInside = await identity.list('group', most, isInside);
      const projectsInside = await identity.list('project', most, isInside);
      const rolesInside = await identity.list('role', most, isInside);
      if (users.length + groupsInside.length + projectsInside.length + rolesInside.length === 0) break;
      for (const user of users) await this.#users.deleteUser(actor, user.id);
      for (const group of groupsInside) await this.deleteGroup(actor, group.id);
      for (const role of rolesInside) await this.#roles.deleteRole(actor, role.id);
      const deepestFirst = projectsInside
        .map((project) => ({ id: project.id, depth: above(identity, project.id).length }))
        .sort((a, b) => b.depth - a.depth);
      for (const project of deepestFirst) {
        const refused = await this.deleteProject(actor, project.id);
        if (refused && refused.rejected !== 'no-such-project') return refused;
      }
    }
    const refused = await this.#runDomain(actor, id, { type: 'DeleteDomain' });
    if (!refused) await this.#roles.withdrawAll(actor, { targetId: id });
    return refused;
  }

  async createProject(actor: Actor, project: NewProject, id = newId(this.#context.random)): Made {
    const { identity } = this.#context;
    const { domainId, parentId, name } = project;
    const parent = parentId === '' ? undefined : identity.get('project', parentId);
    if (parentId !== '' && !parent) return { rejected: 'no-such-parent' };
    if (parent && parent.domainId !== domainId) return { rejected: 'domain-mismatch' };
    if (parent && above(identity, parentId).length >= limits.projectDepth) return { rejected: 'too-deep' };
    const enabled = () => {
      const domainGuard = this.#enabledDomain(domainId);
      const parentGuard = parent && this.#enabledProject(parentId);
      return allOf<DirectoryRejection>(domainGuard, parentGuard);
    };
    const refused = await withName(
      this.#context,
      actor,
      { kind: 'project', scopeId: domainId, name, id },
      (nameGuard) => this.#runProject(actor, id, { type: 'CreateProject', ...project }, nameGuard, enabled),
    );
    return refused ?? id;
  }

  async updateProject(actor: Actor, id: string, changes: ProjectChanges): Outcome {
    const { identity } = this.#context;
    const project = identity.get('project', id);
    if (!project) return { rejected: 'no-such-project' };
    const { extra, name, ...rest } = changes;
    const kept = extra && { extra: { values: extra } };
    const command = { type: 'UpdateProject', ...rest, ...(name && { name }), ...kept } as const;
    if (name === undefined || name === project.name) return this.#runProject(actor, id, command);
    const named = { kind: 'project', scopeId: project.domainId, name, id } as const;
    return withName(this.#context, actor, named, (nameGuard) =>
      this.#runProject(actor, id, command, nameGuard),
    );
  }

  tagProject(actor: Actor, id: string, tags: readonly string[]): Outcome {
    return this.#runProject(actor, id, { type: 'TagProject', tags });
  }

  /**
   * Disabled first, so that nothing comes to lie below it any more; then whoever looks, looks truly. What
   * stops it leaves it as it was.
   */
  async deleteProject(actor: Actor, id: string): Outcome {
    const { identity, buckets } = this.#context;
    const project = identity.get('project', id);
    if (!project) return { rejected: 'no-such-project' };
    if (project.enabled) {
      const refused = await this.updateProject(actor, id, { enabled: false });
      if (refused) return refused;
    }
    const hasChildren = (await identity.childrenOf(id, 1)).length > 0;
    const hasBuckets = (await buckets.ofOwner(id, '', 1)).length > 0;
    if (hasChildren || hasBuckets) {
      if (project.enabled) await this.updateProject(actor, id, { enabled: true });
      return { rejected: hasChildren ? 'project-has-children' : 'project-owns-buckets' };
    }
    await clearSpace(this.#context, this.#secrets, actor, id);
    const refused = await this.#runProject(actor, id, { type: 'DeleteProject' });
    if (!refused) await this.#roles.withdrawAll(actor, { targetId: id });
    return refused;
  }

  async createGroup(actor: Actor, group: NewGroup, id = newId(this.#context.random)): Made {
    const named = { kind: 'group', scopeId: group.domainId, name: group.name, id } as const;
    const enabled = () => allOf<DirectoryRejection>(this.#enabledDomain(group.domainId));
    const refused = await withName(this.#context, actor, named, (nameGuard) =>
      this.#runGroup(actor, id, { type: 'CreateGroup', ...group }, nameGuard, enabled),
    );
    return refused ?? id;
  }

  async updateGroup(actor: Actor, id: string, changes: Partial<Omit<NewGroup, 'domainId'>>): Outcome {
    const group = this.#context.identity.get('group', id);
    if (!group) return { rejected: 'no-such-group' };
    const command = { type: 'UpdateGroup', ...changes } as const;
    const { name } = changes;
    if (name === undefined || name === group.name) return this.#runGroup(actor, id, command);
    const named = { kind: 'group', scopeId: group.domainId, name, id } as const;
    return withName(this.#context, actor, named, (nameGuard) =>
      this.#runGroup(actor, id, command, nameGuard),
    );
  }

  async deleteGroup(actor: Actor, id: string): Outcome {
    const refused = await this.#runGroup(actor, id, { type: 'DeleteGroup' });
    if (refused) return refused;
    // A group that is gone gives no roles any more, whoever still is in it.
    await this.#roles.withdrawAll(actor, { actorId: id });
    for (const userId of await this.#context.identity.membersOf(id, limits.identityListed)) {
      await this.#users.leaveGroup(actor, userId, id);
    }
    return undefined;
  }

  #enabledDomain(id: string): StreamGuard | Rejection<'no-such-domain' | 'domain-disabled'> {
    const domain = this.#context.identity.get('domain', id);
    if (domain && !domain.enabled) return { rejected: 'domain-disabled' };
    return guardOf(this.#context.identity, 'domain', id);
  }

  #enabledProject(id: string): StreamGuard | Rejection<'no-such-parent' | 'parent-disabled'> {
    const guard = guardOf(this.#context.identity, 'project', id);
    if (isRejected(guard)) return { rejected: 'no-such-parent' };
    return this.#context.identity.get('project', id)?.enabled ? guard : { rejected: 'parent-disabled' };
  }

  #runDomain(actor: Actor, id: string, command: DomainCommand, nameGuard?: () => GuardOrLost) {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: domainDecider, lifecycle: domains, id, command, actor },
      state: () => activeOr(identity.get('domain', id)),
      revision: () => identity.revision('domain', id),
      guards: () => allOf(nameGuard?.()),
    }) as Outcome;
  }

  #runProject(
    actor: Actor,
    id: string,
    command: ProjectCommand,
    nameGuard?: () => GuardOrLost,
    more: () => readonly StreamGuard[] | Refused = () => [],
  ) {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: projectDecider, lifecycle: projects, id, command, actor },
      state: () => activeOr(identity.get('project', id)),
      revision: () => identity.revision('project', id),
      guards: () => joined(more(), nameGuard?.()),
    }) as Outcome;
  }

  #runGroup(
    actor: Actor,
    id: string,
    command: GroupCommand,
    nameGuard?: () => GuardOrLost,
    more: () => readonly StreamGuard[] | Refused = () => [],
  ) {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: groupDecider, lifecycle: groups, id, command, actor },
      state: () => ({ status: identity.get('group', id) ? 'active' : 'absent' }),
      revision: () => identity.revision('group', id),
      guards: () => joined(more(), nameGuard?.()),
    }) as Outcome;
  }
}

function joined<Code extends string>(
  guards: readonly StreamGuard[] | Rejection<Code>,
  more: StreamGuard | Rejection<'name-lost'> | undefined,
): readonly StreamGuard[] | Rejection<Code | 'name-lost'> {
  return isRejected(guards) ? guards : allOf<Code | 'name-lost'>(...guards, more);
}

function activeOr(thing: { readonly enabled: boolean } | undefined) {
  return thing ? ({ status: 'active', enabled: thing.enabled } as const) : ({ status: 'absent' } as const);
}
