// Owns what is known of all buckets of one owner together. Stream `spaces/<owner>`. A space is there as long
// as its owner is: it is neither made nor deleted.

import { textMap, texts } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

export const spaces = lifecycle('spaces', {
  statuses: ['present'],
  initial: 'present',
  events: {
    /** Names are those of properties.ts. What is not named stays as it was. */
    SpaceDescribed: {
      id: 1,
      from: ['present'],
      to: 'present',
      data: { set: textMap(1), unset: texts(2) },
    },
  },
});

export type SpaceEvent = EventOf<typeof spaces.table>;

export const spaceStream = (owner: string): string => `spaces/${owner}`;
