// Owns the life of a multipart upload and of its parts. Streams `uploads/<bucket>/<uploadId>` and
// `parts/<bucket>/<uploadId>/<partNumber>`: parts have streams of their own, so that parts sent in parallel
// never conflict; each is guarded by the upload's revision, so none is accepted after the upload's end.

import { optional, record, text, textMap, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';
import { encryptionFields, tagFields } from './objects.events.ts';

export const uploads = lifecycle('uploads', {
  statuses: ['absent', 'active', 'completed', 'aborted'],
  initial: 'absent',
  events: {
    UploadStarted: {
      id: 1,
      from: ['absent'],
      to: 'active',
      data: {
        key: text(1),
        owner: text(2),
        contentType: text(3),
        headers: textMap(4),
        metadata: textMap(5),
        storageClass: text(6),
        checksumAlgorithm: optional(text(7)),
        checksumType: optional(text(8)),
        tags: optional(record(18, tagFields)),
        grants: optional(text(17)),
        encryption: optional(record(19, encryptionFields)),
      },
    },
    /** The object's own event (ObjectCompleted) is the commit; this one closes the upload. */
    UploadCompleted: { id: 2, from: ['active'], to: 'completed', data: {} },
    UploadAborted: { id: 3, from: ['active'], to: 'aborted', data: {} },
  },
});

export const parts = lifecycle('parts', {
  statuses: ['absent', 'present'],
  initial: 'absent',
  events: {
    PartUploaded: {
      id: 1,
      from: ['absent', 'present'],
      to: 'present',
      data: {
        blob: text(1),
        sizeBytes: uint(2),
        chunkBytes: uint(3),
        /** Hexadecimal MD5. */
        etag: text(4),
        checksum: optional(text(5)),
        /** As of a segment. */
        sealedKey: optional(text(6)),
      },
    },
  },
});

export type UploadEvent = EventOf<typeof uploads.table>;
export type PartEvent = EventOf<typeof parts.table>;

export const uploadStream = (bucket: string, uploadId: string): string => `uploads/${bucket}/${uploadId}`;
export const partStream = (bucket: string, uploadId: string, part: number): string =>
  `parts/${bucket}/${uploadId}/${part}`;
