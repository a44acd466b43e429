// Owns what an operator tells about the cloud: regions, services and endpoints beyond the cloud's own, and
// limits of what projects may use. Few, and seldom changed: each family is one stream.

import { flag, optional, text, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

const OPEN = { from: ['open'], to: 'open' } as const;

export const catalog = lifecycle('catalog', {
  statuses: ['open'],
  initial: 'open',
  events: {
    /** New, or changed: the whole entry. */
    RegionSet: {
      id: 1,
      ...OPEN,
      data: { regionId: text(1), parentId: text(2), description: text(3) },
    },
    RegionDeleted: { id: 2, ...OPEN, data: { regionId: text(1) } },
    ServiceSet: {
      id: 3,
      ...OPEN,
      data: { serviceId: text(1), type: text(2), name: text(3), description: text(4), enabled: flag(5) },
    },
    ServiceDeleted: { id: 4, ...OPEN, data: { serviceId: text(1) } },
    EndpointSet: {
      id: 5,
      ...OPEN,
      data: {
        endpointId: text(1),
        serviceId: text(2),
        regionId: text(3),
        /** `public`, `internal` or `admin`. */
        interface: text(4),
        url: text(5),
        enabled: flag(6),
      },
    },
    EndpointDeleted: { id: 6, ...OPEN, data: { endpointId: text(1) } },
  },
});

export type CatalogEvent = EventOf<typeof catalog.table>;

export const quotas = lifecycle('quotas', {
  statuses: ['open'],
  initial: 'open',
  events: {
    /** What holds where a project has no limit of its own. */
    RegisteredLimitSet: {
      id: 1,
      ...OPEN,
      data: {
        limitId: text(1),
        serviceId: text(2),
        regionId: text(3),
        resource: text(4),
        /** Absent: as much as one likes. */
        limit: optional(uint(5)),
        description: text(6),
      },
    },
    RegisteredLimitDeleted: { id: 2, ...OPEN, data: { limitId: text(1) } },
    LimitSet: {
      id: 3,
      ...OPEN,
      data: {
        limitId: text(1),
        serviceId: text(2),
        regionId: text(3),
        resource: text(4),
        /** Absent: as much as one likes. */
        limit: optional(uint(5)),
        description: text(6),
        projectId: optional(text(7)),
        domainId: optional(text(8)),
      },
    },
    LimitDeleted: { id: 4, ...OPEN, data: { limitId: text(1) } },
  },
});

export type QuotaEvent = EventOf<typeof quotas.table>;
