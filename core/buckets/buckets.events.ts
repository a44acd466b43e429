// Owns the life of a bucket. Stream `buckets/<bucketId>`. The id is the qualified name, so that names are
// unique by the stream's own guard (below); a bucket may be created again after its deletion, on the
// same stream.

import { text, textMap, texts } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

export const buckets = lifecycle('buckets', {
  // `closing`: no new object is accepted while the deleter looks whether any is left.
  statuses: ['absent', 'open', 'closing'],
  initial: 'absent',
  events: {
    BucketCreated: {
      id: 1,
      from: ['absent'],
      to: 'open',
      data: { owner: text(1), region: text(2) },
    },
    BucketClosed: { id: 2, from: ['open'], to: 'closing', data: {} },
    BucketReopened: { id: 3, from: ['closing'], to: 'open', data: {} },
    BucketDeleted: { id: 4, from: ['closing'], to: 'absent', data: {} },
    /** Writes that began before the one before the last of these may have lost their bytes. */
    CollectionAnnounced: { id: 5, from: ['open'], to: 'open', data: {} },
    /** The write of these bytes is still under way: it counts as begun now. */
    WriteProlonged: { id: 6, from: ['open'], to: 'open', data: { blob: text(1) } },
    /** What is known of it besides; names are those of properties.ts. What is not named stays as it was. */
    BucketDescribed: { id: 7, from: ['open'], to: 'open', data: { set: textMap(1), unset: texts(2) } },
  },
});

export type BucketEvent = EventOf<typeof buckets.table>;

// Names that S3 allows are shared by all: the first to take one has the id of that name. Every other bucket
// has its owner's id before its name. Why: docs/decisions/0015-one-namespace.md.

/** In no name that all share, and in no id of an owner. */
const SEPARATOR = ':';

export const qualifiedId = (owner: string, name: string): string => `${owner}${SEPARATOR}${name}`;

/** Whether only one owner can mean this bucket. */
export const isQualified = (id: string): boolean => id.includes(SEPARATOR);

export const nameOfBucket = (id: string): string => id.slice(id.indexOf(SEPARATOR) + 1);

export const bucketStream = (bucket: string): string => `buckets/${bucket}`;
