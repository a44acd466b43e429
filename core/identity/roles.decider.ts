// Owns the decisions about roles and who has them.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AssignmentEvent, RoleEvent } from './roles.events.ts';

type DataOf<Event extends { type: string; data: unknown }, Type extends Event['type']> = Extract<
  Event,
  { type: Type }
>['data'];

export type RoleState =
  | { readonly status: 'absent' | 'deleted' }
  | { readonly status: 'active'; readonly impliedRoleIds: readonly string[] };

export type RoleCommand =
  | ({ readonly type: 'CreateRole' } & DataOf<RoleEvent, 'RoleCreated'>)
  | ({ readonly type: 'UpdateRole' } & DataOf<RoleEvent, 'RoleUpdated'>)
  | { readonly type: 'ImplyRole'; readonly impliedRoleId: string }
  | { readonly type: 'UnimplyRole'; readonly impliedRoleId: string }
  | { readonly type: 'DeleteRole' };

export type RoleDecisionCode = 'role-exists' | 'no-such-role' | 'no-such-implied-role' | 'too-many-roles';

export const roleDecider: Decider<RoleState, RoleCommand, RoleEvent, RoleDecisionCode> = {
  family: 'roles',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateRole') {
      if (state.status === 'active') return { rejected: 'role-exists' };
      const { type: _, ...data } = command;
      return [{ type: 'RoleCreated', data }];
    }
    if (state.status !== 'active') return { rejected: 'no-such-role' };
    switch (command.type) {
      case 'UpdateRole': {
        const { type: _, ...data } = command;
        return [{ type: 'RoleUpdated', data }];
      }
      case 'ImplyRole': {
        const { impliedRoleId } = command;
        if (state.impliedRoleIds.includes(impliedRoleId)) return [];
        if (state.impliedRoleIds.length >= limits.impliedRoles) return { rejected: 'too-many-roles' };
        return [{ type: 'RoleImplied', data: { impliedRoleId } }];
      }
      case 'UnimplyRole': {
        const { impliedRoleId } = command;
        if (!state.impliedRoleIds.includes(impliedRoleId)) return { rejected: 'no-such-implied-role' };
        return [{ type: 'RoleUnimplied', data: { impliedRoleId } }];
      }
      case 'DeleteRole':
        return [{ type: 'RoleDeleted', data: {} }];
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    const implied = state.status === 'active' ? state.impliedRoleIds : [];
    switch (event.type) {
      case 'RoleCreated':
        return { status: 'active', impliedRoleIds: [] };
      case 'RoleUpdated':
        return state;
      case 'RoleImplied':
        return { status: 'active', impliedRoleIds: [...implied, event.data.impliedRoleId] };
      case 'RoleUnimplied': {
        const { impliedRoleId } = event.data;
        return { status: 'active', impliedRoleIds: implied.filter((id) => id !== impliedRoleId) };
      }
      case 'RoleDeleted':
        return { status: 'deleted' };
      default:
        return unreachable(event);
    }
  },
};

export interface Grant {
  readonly roleId: string;
  readonly inherited: boolean;
}

export interface AssignmentState {
  readonly status: 'open';
  readonly grants: readonly Grant[];
}

export type AssignmentCommand =
  | ({ readonly type: 'GrantRole' } & DataOf<AssignmentEvent, 'RoleGranted'>)
  | { readonly type: 'WithdrawRole'; readonly roleId: string; readonly inherited: boolean }
  | { readonly type: 'WithdrawAll' };

export type AssignmentDecisionCode = 'no-such-assignment' | 'too-many-roles';

export const assignmentDecider: Decider<
  AssignmentState,
  AssignmentCommand,
  AssignmentEvent,
  AssignmentDecisionCode
> = {
  family: 'assignments',
  initial: { status: 'open', grants: [] },

  decide({ grants }, command) {
    switch (command.type) {
      case 'GrantRole': {
        const { type: _, ...data } = command;
        if (grants.some(isSame(data))) return [];
        if (grants.length >= limits.rolesPerAssignment) return { rejected: 'too-many-roles' };
        return [{ type: 'RoleGranted', data }];
      }
      case 'WithdrawRole': {
        const { roleId, inherited } = command;
        if (!grants.some(isSame(command))) return { rejected: 'no-such-assignment' };
        return [{ type: 'RoleWithdrawn', data: { roleId, inherited } }];
      }
      case 'WithdrawAll':
        return grants.map(({ roleId, inherited }) => ({
          type: 'RoleWithdrawn',
          data: { roleId, inherited },
        }));
      default:
        return unreachable(command);
    }
  },

  evolve({ grants }, event) {
    const others = grants.filter((grant) => !isSame(event.data)(grant));
    if (event.type === 'RoleWithdrawn') return { status: 'open', grants: others };
    const { roleId, inherited } = event.data;
    return { status: 'open', grants: [...others, { roleId, inherited }] };
  },
};

const isSame =
  ({ roleId, inherited }: Grant) =>
  (grant: Grant): boolean =>
    grant.roleId === roleId && grant.inherited === inherited;
