// Owns how far one destination of notifications has been told, and which gateway tells it: stream
// `notifications/<destination>`. Whoever appends at the last revision is the one: docs/decisions/0020.

import { list, text, uint } from '#core/kernel/fields.ts';
import { lifecycle } from '#core/kernel/lifecycle.ts';

export const notifications = lifecycle('notifications', {
  statuses: ['unknown', 'followed'],
  initial: 'unknown',
  events: {
    /** All before `cursor` is told. The holder alone tells for `leaseMs` after this; 0: anybody may. */
    DeliveryMoved: {
      id: 1,
      from: ['unknown', 'followed'],
      to: 'followed',
      data: { holder: text(1), leaseMs: uint(2), cursor: list(3, { offset: uint(1) }) },
    },
  },
});

export const notificationStream = (destination: string): string => `notifications/${destination}`;
