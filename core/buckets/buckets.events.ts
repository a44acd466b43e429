// Owns the life of a bucket. Stream `buckets/<bucketId>`. The id is the qualified name, so that names are
// unique by the stream's own guard; a bucket may be created again after its deletion, on the same stream.

import { text } from '#core/kernel/fields.ts';
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
  },
});

export type BucketEvent = EventOf<typeof buckets.table>;

export const bucketStream = (bucket: string): string => `buckets/${bucket}`;
