// Owns what an operator tells about identity providers elsewhere: which there are, by which protocols they
// are asked, and what their claims mean here. Few, and seldom changed: one stream.

import { flag, text, texts } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

const OPEN = { from: ['open'], to: 'open' } as const;

export const federation = lifecycle('federation', {
  statuses: ['open'],
  initial: 'open',
  events: {
    /** New, or changed: the whole entry. */
    ProviderSet: {
      id: 1,
      ...OPEN,
      data: {
        providerId: text(1),
        /** Of the users whom it sends. */
        domainId: text(2),
        description: text(3),
        enabled: flag(4),
        remoteIds: texts(5),
      },
    },
    /** With its protocols. */
    ProviderDeleted: { id: 2, ...OPEN, data: { providerId: text(1) } },
    ProtocolSet: {
      id: 3,
      ...OPEN,
      data: {
        /** Of the provider and the protocol, with a slash between. */
        entryId: text(1),
        mappingId: text(2),
      },
    },
    ProtocolDeleted: { id: 4, ...OPEN, data: { entryId: text(1) } },
    MappingSet: {
      id: 5,
      ...OPEN,
      data: {
        mappingId: text(1),
        /** In JSON, as Keystone has them. */
        rules: text(2),
      },
    },
    MappingDeleted: { id: 6, ...OPEN, data: { mappingId: text(1) } },
  },
});

export type FederationEvent = EventOf<typeof federation.table>;
