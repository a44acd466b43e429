// Owns the life of a trust: one user lets another act with some of the one's roles on a project.

import { flag, optional, text, texts, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

export const trusts = lifecycle('trusts', {
  statuses: ['absent', 'active', 'deleted'],
  initial: 'absent',
  events: {
    TrustCreated: {
      id: 1,
      from: ['absent'],
      to: 'active',
      data: {
        trustorId: text(1),
        trusteeId: text(2),
        projectId: text(3),
        roleIds: texts(4),
        /** Whoever acts by it is shown as the trustor. */
        impersonation: flag(5),
        expiresMs: optional(uint(6)),
        /** Of tokens. Absent: as many as one likes. */
        uses: optional(uint(7)),
        /** How often it may be passed on: zero, not at all. */
        redelegations: uint(8),
        /** The trust by which the trustor's roles were passed on; empty for none. */
        parentId: text(9),
      },
    },
    TrustUsed: { id: 2, from: ['active'], to: 'active', data: {} },
    TrustDeleted: { id: 3, from: ['active'], to: 'deleted', data: {} },
  },
});

export type TrustEvent = EventOf<typeof trusts.table>;
