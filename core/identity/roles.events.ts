// Owns the lives of roles, and which of them an actor (a user or a group) has on a target (a project, a
// domain or the system). Stream of the latter: `assignments/identity/<actor>:<target>`.

import { flag, optional, text } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

const ACTIVE = { from: ['active'], to: 'active' } as const;

export const roles = lifecycle('roles', {
  statuses: ['absent', 'active', 'deleted'],
  initial: 'absent',
  events: {
    RoleCreated: {
      id: 1,
      from: ['absent', 'deleted'],
      to: 'active',
      /** Without a domain it is a role of the whole cloud. */
      data: { name: text(1), description: text(2), domainId: text(3) },
    },
    RoleUpdated: {
      id: 2,
      ...ACTIVE,
      data: { name: optional(text(1)), description: optional(text(2)) },
    },
    /** Who has this role has the other too. */
    RoleImplied: { id: 3, ...ACTIVE, data: { impliedRoleId: text(1) } },
    RoleUnimplied: { id: 4, ...ACTIVE, data: { impliedRoleId: text(1) } },
    RoleDeleted: { id: 5, from: ['active'], to: 'deleted', data: {} },
  },
});

export type RoleEvent = EventOf<typeof roles.table>;

export const assignments = lifecycle('assignments', {
  statuses: ['open'],
  initial: 'open',
  events: {
    RoleGranted: {
      id: 1,
      from: ['open'],
      to: 'open',
      data: {
        /** `user` or `group`. */
        actorKind: text(1),
        actorId: text(2),
        /** `project`, `domain` or `system`. */
        targetKind: text(3),
        targetId: text(4),
        roleId: text(5),
        /** On the projects below the target, not on the target. */
        inherited: flag(6),
      },
    },
    RoleWithdrawn: {
      id: 2,
      from: ['open'],
      to: 'open',
      data: { roleId: text(1), inherited: flag(2) },
    },
  },
});

export type AssignmentEvent = EventOf<typeof assignments.table>;
