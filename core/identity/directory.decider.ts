// Owns the decisions about domains, projects, groups and names. That a name is free, a parent is there or a
// domain is empty is no matter of one stream: the use case looks, and guards the append by what it saw.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { DomainEvent, GroupEvent, NameEvent, ProjectEvent } from './directory.events.ts';

type DataOf<Event extends { type: string; data: unknown }, Type extends Event['type']> = Extract<
  Event,
  { type: Type }
>['data'];

interface Gone {
  readonly status: 'absent' | 'deleted';
}

export type DomainState = Gone | { readonly status: 'active'; readonly enabled: boolean };

export type DomainCommand =
  | ({ readonly type: 'CreateDomain' } & DataOf<DomainEvent, 'DomainCreated'>)
  | ({ readonly type: 'UpdateDomain' } & DataOf<DomainEvent, 'DomainUpdated'>)
  | { readonly type: 'DeleteDomain' };

export type DomainDecisionCode = 'domain-exists' | 'no-such-domain' | 'domain-enabled';

export const domainDecider: Decider<DomainState, DomainCommand, DomainEvent, DomainDecisionCode> = {
  family: 'domains',
  initial: { status: 'absent' },

  decide(state, { type, ...data }) {
    if (type === 'CreateDomain') {
      if (state.status === 'active') return { rejected: 'domain-exists' };
      return [{ type: 'DomainCreated', data: data as DataOf<DomainEvent, 'DomainCreated'> }];
    }
    if (state.status !== 'active') return { rejected: 'no-such-domain' };
    if (type === 'UpdateDomain') return [{ type: 'DomainUpdated', data }];
    // While it is disabled nothing can be made in it, so whoever looks finds all there is to be deleted.
    return state.enabled ? { rejected: 'domain-enabled' } : [{ type: 'DomainDeleted', data: {} }];
  },

  evolve(state, event) {
    switch (event.type) {
      case 'DomainCreated':
        return { status: 'active', enabled: event.data.enabled };
      case 'DomainUpdated':
        return { status: 'active', enabled: event.data.enabled ?? isEnabled(state) };
      case 'DomainDeleted':
        return { status: 'deleted' };
      default:
        return unreachable(event);
    }
  },
};

export type ProjectState = Gone | { readonly status: 'active'; readonly enabled: boolean };

export type ProjectCommand =
  | ({ readonly type: 'CreateProject' } & DataOf<ProjectEvent, 'ProjectCreated'>)
  | ({ readonly type: 'UpdateProject' } & DataOf<ProjectEvent, 'ProjectUpdated'>)
  | { readonly type: 'TagProject'; readonly tags: readonly string[] }
  | { readonly type: 'DeleteProject' };

export type ProjectDecisionCode = 'project-exists' | 'no-such-project' | 'project-enabled' | 'too-many-tags';

export const projectDecider: Decider<ProjectState, ProjectCommand, ProjectEvent, ProjectDecisionCode> = {
  family: 'projects',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateProject') {
      if (state.status === 'active') return { rejected: 'project-exists' };
      const { type: _, ...data } = command;
      if (data.tags.length > limits.projectTags) return { rejected: 'too-many-tags' };
      return [{ type: 'ProjectCreated', data }];
    }
    if (state.status !== 'active') return { rejected: 'no-such-project' };
    switch (command.type) {
      case 'UpdateProject': {
        const { type: _, ...data } = command;
        return [{ type: 'ProjectUpdated', data }];
      }
      case 'TagProject': {
        const tags = [...new Set(command.tags)].sort();
        if (tags.length > limits.projectTags) return { rejected: 'too-many-tags' };
        return [{ type: 'ProjectTagged', data: { tags } }];
      }
      case 'DeleteProject':
        // As with a domain: nothing can be made below a project that is disabled.
        return state.enabled ? { rejected: 'project-enabled' } : [{ type: 'ProjectDeleted', data: {} }];
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'ProjectCreated':
        return { status: 'active', enabled: event.data.enabled };
      case 'ProjectUpdated':
        return { status: 'active', enabled: event.data.enabled ?? isEnabled(state) };
      case 'ProjectTagged':
        return state;
      case 'ProjectDeleted':
        return { status: 'deleted' };
      default:
        return unreachable(event);
    }
  },
};

function isEnabled(state: Gone | { readonly status: 'active'; readonly enabled: boolean }): boolean {
  return state.status === 'active' && state.enabled;
}

export type GroupState = Gone | { readonly status: 'active' };

export type GroupCommand =
  | ({ readonly type: 'CreateGroup' } & DataOf<GroupEvent, 'GroupCreated'>)
  | ({ readonly type: 'UpdateGroup' } & DataOf<GroupEvent, 'GroupUpdated'>)
  | { readonly type: 'DeleteGroup' };

export type GroupDecisionCode = 'group-exists' | 'no-such-group';

export const groupDecider: Decider<GroupState, GroupCommand, GroupEvent, GroupDecisionCode> = {
  family: 'groups',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateGroup') {
      if (state.status === 'active') return { rejected: 'group-exists' };
      const { type: _, ...data } = command;
      return [{ type: 'GroupCreated', data }];
    }
    if (state.status !== 'active') return { rejected: 'no-such-group' };
    if (command.type === 'DeleteGroup') return [{ type: 'GroupDeleted', data: {} }];
    const { type: _, ...data } = command;
    return [{ type: 'GroupUpdated', data }];
  },

  evolve(_state, event) {
    return { status: event.type === 'GroupDeleted' ? 'deleted' : 'active' };
  },
};

export type NameState =
  | { readonly status: 'free' }
  | { readonly status: 'claimed'; readonly holderId: string };

export interface NameCommand {
  readonly type: 'ClaimName';
  readonly kind: string;
  readonly holderId: string;
}

/**
 * Whether the holder so far still bears the name is no matter of this stream: who claims looks first, and
 * guards the claim by that holder's stream.
 */
export const nameDecider: Decider<NameState, NameCommand, NameEvent, never> = {
  family: 'names',
  initial: { status: 'free' },

  decide(state, { kind, holderId }) {
    if (state.status === 'claimed' && state.holderId === holderId) return [];
    return [{ type: 'NameClaimed', data: { kind, holderId } }];
  },

  evolve: (_state, event) => ({ status: 'claimed', holderId: event.data.holderId }),
};
