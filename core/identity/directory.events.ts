// Owns the lives of domains, projects and groups, and who holds a name. All identity lies in one partition of
// the log, so that every append can be guarded by any stream that its decision rests on.

import { flag, optional, record, text, textMap, texts } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

/** The partition key of all streams of identity. */
const PARTITION = 'identity';

export const identityStream = (family: string, id: string): string => `${family}/${PARTITION}/${id}`;
/** Of a stream of identity: what stands behind its partition key. */
export const identityIdOf = (stream: string): string =>
  stream.slice(stream.indexOf('/', stream.indexOf('/') + 1) + 1);

const STATUSES = ['absent', 'active', 'deleted'] as const;

export const domains = lifecycle('domains', {
  statuses: STATUSES,
  initial: 'absent',
  events: {
    DomainCreated: {
      id: 1,
      from: ['absent', 'deleted'],
      to: 'active',
      data: { name: text(1), description: text(2), enabled: flag(3) },
    },
    /** What is absent stays as it was. */
    DomainUpdated: {
      id: 2,
      from: ['active'],
      to: 'active',
      data: { name: optional(text(1)), description: optional(text(2)), enabled: optional(flag(3)) },
    },
    DomainDeleted: { id: 3, from: ['active'], to: 'deleted', data: {} },
  },
});

export type DomainEvent = EventOf<typeof domains.table>;

export const projects = lifecycle('projects', {
  statuses: STATUSES,
  initial: 'absent',
  events: {
    ProjectCreated: {
      id: 1,
      from: ['absent', 'deleted'],
      to: 'active',
      data: {
        domainId: text(1),
        /** Empty below the domain itself. */
        parentId: text(2),
        name: text(3),
        description: text(4),
        enabled: flag(5),
        tags: texts(6),
        /** What else the client wanted to be kept. */
        extra: textMap(7),
      },
    },
    ProjectUpdated: {
      id: 2,
      from: ['active'],
      to: 'active',
      data: {
        name: optional(text(1)),
        description: optional(text(2)),
        enabled: optional(flag(3)),
        extra: optional(record(4, { values: textMap(1) })),
      },
    },
    ProjectTagged: { id: 3, from: ['active'], to: 'active', data: { tags: texts(1) } },
    ProjectDeleted: { id: 4, from: ['active'], to: 'deleted', data: {} },
  },
});

export type ProjectEvent = EventOf<typeof projects.table>;

export const groups = lifecycle('groups', {
  statuses: STATUSES,
  initial: 'absent',
  events: {
    GroupCreated: {
      id: 1,
      from: ['absent', 'deleted'],
      to: 'active',
      data: { domainId: text(1), name: text(2), description: text(3) },
    },
    GroupUpdated: {
      id: 2,
      from: ['active'],
      to: 'active',
      data: { name: optional(text(1)), description: optional(text(2)) },
    },
    GroupDeleted: { id: 3, from: ['active'], to: 'deleted', data: {} },
  },
});

export type GroupEvent = EventOf<typeof groups.table>;

/**
 * A name within its kind and domain. It is taken as long as the thing of its last claim bears it; who
 * creates or renames claims it first, and guards the creation by the claim.
 */
export const names = lifecycle('names', {
  statuses: ['free', 'claimed'],
  initial: 'free',
  events: {
    NameClaimed: {
      id: 1,
      from: ['free', 'claimed'],
      to: 'claimed',
      data: { kind: text(1), holderId: text(2) },
    },
  },
});

export type NameEvent = EventOf<typeof names.table>;
