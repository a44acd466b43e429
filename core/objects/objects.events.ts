// Owns the life of an object: which bytes a key names, and which it named before. Stream
// `objects/<bucket>/<key>`.

import { assert } from '#core/kernel/assert.ts';
import type { DataOf } from '#core/kernel/fields.ts';
import { list, optional, record, text, textMap, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';
import type { Random } from '#core/kernel/random.ts';

/**
 * One run of bytes written by one request. Its chunks have the ids (blob, 0), (blob, 1), …, each of
 * chunkBytes except the last. `blob` is 32 hexadecimal digits, empty where sizeBytes is 0.
 */
export const segmentFields = {
  blob: text(1),
  sizeBytes: uint(2),
  chunkBytes: uint(3),
  /** Of an object made by a multipart upload: the part's number; 0 otherwise. */
  partNumber: uint(4),
  /** Of a part: its own checksum in base64, if any. */
  checksum: optional(text(5)),
  /** Of enciphered bytes: which key opens the blob's own, and that, sealed (services/sealed-blobs.ts). */
  sealedKey: optional(text(6)),
} as const;
export type Segment = DataOf<typeof segmentFields>;

/** One run of bytes of an object that is made of others. */
const assembledPartFields = {
  /** Name of a bucket of the same owner; empty for bytes that the object has itself, in its own segments. */
  bucket: text(1),
  key: text(2),
  /** That the part must still have when it is read. */
  etag: text(3),
  /** From this byte of the part on, so many. */
  offset: uint(4),
  sizeBytes: uint(5),
  /** Of the whole part, when it was named. */
  wholeBytes: uint(6),
} as const;
export type AssembledPart = DataOf<typeof assembledPartFields>;

/** Of an object that stands for another. */
const linkFields = {
  /** Whose the other is; empty: of the same owner. */
  account: text(1),
  /** That it must have when it is read; empty: whatever is there then. */
  etag: text(2),
  /** That it had when it was named with an etag. */
  sizeBytes: uint(3),
} as const;

/**
 * Either the parts, one after the other; or, with a bucket named, all in it that begins with the prefix; or,
 * with a link, the one object that has the prefix for its key.
 */
const assemblyFields = {
  parts: list(1, assembledPartFields),
  bucket: text(2),
  prefix: text(3),
  link: optional(record(4, linkFields)),
} as const;
export type Assembly = DataOf<typeof assemblyFields>;

/** What its users sort objects by, apart from what describes them. */
export const tagFields = { values: textMap(1) } as const;
export type Tags = DataOf<typeof tagFields>;

/** How the bytes of an object are stored, where not as they are. */
export const encryptionFields = {
  /** aes-256-ctr */
  algorithm: text(1),
  /** Whose key opens them: `cloud`, one of the bucket's own; `customer`, one that each request brings. */
  by: text(2),
  /** Of a customer's key: tells it from others, and gives it to nobody. */
  check: optional(text(3)),
} as const;
export type Encryption = DataOf<typeof encryptionFields>;

/** A dialect-neutral description of what is stored. */
export const contentFields = {
  sizeBytes: uint(1),
  /** Hexadecimal MD5, or `<md5 of md5s>-<parts>` for multipart objects; without quotes. */
  etag: text(2),
  segments: list(3, segmentFields),
  contentType: text(4),
  /** Standard headers that are stored and returned, lower case: cache-control, content-encoding, … */
  headers: textMap(5),
  /** User metadata, names lower case and without the dialect's prefix. */
  metadata: textMap(6),
  /**
   * crc32, crc32c, crc64nvme, sha1 or sha256; with its value in base64 (composite ones end in `-<parts>`).
   */
  checksumAlgorithm: optional(text(7)),
  checksum: optional(text(8)),
  /** full-object or composite. */
  checksumType: optional(text(9)),
  storageClass: text(10),
  /** Account id of the writer. */
  owner: text(11),
  /** Of an object that is made of others: `sizeBytes` and `etag` are of what it reads as. */
  assembly: optional(record(12, assemblyFields)),
  /** From then on it counts as deleted. */
  expiresMs: optional(uint(13)),
  /** Of its version's name, as versionAt has it; absent in a bucket that never kept versions. */
  version: optional(text(14)),
  /** Absent where there are none. */
  tags: optional(record(18, tagFields)),
  /** Who may do what with it beside its owner, in the words of the dialect that wrote it. */
  grants: optional(text(17)),
  /** Absent: the bytes are stored as they are. */
  encryption: optional(record(19, encryptionFields)),
} as const;
export type Content = DataOf<typeof contentFields>;

export const objects = lifecycle('objects', {
  // `present`: there is a version at least; in a bucket that keeps them the newest may be a deletion.
  statuses: ['absent', 'present'],
  initial: 'absent',
  events: {
    ObjectPut: { id: 1, from: ['absent', 'present'], to: 'present', data: contentFields },
    ObjectCompleted: {
      id: 2,
      from: ['absent', 'present'],
      to: 'present',
      /** The object is a completed multipart upload: the fields of an ObjectPut, then which upload. */
      data: { ...contentFields, uploadId: text(20) },
    },
    /** Nothing is left. */
    ObjectDeleted: {
      id: 3,
      from: ['present'],
      to: 'absent',
      /** The last one of a key that had versions. */
      data: { version: optional(text(1)) },
    },
    /** The same bytes, described anew: the fields of what described them before, changed. */
    ObjectDescribed: {
      id: 4,
      from: ['present'],
      to: 'present',
      data: { ...contentFields, uploadId: optional(text(20)) },
    },
    /** The newest version says that the key names nothing; what it named before is kept. */
    ObjectMarked: {
      id: 5,
      from: ['absent', 'present'],
      to: 'present',
      /** As of an ObjectPut; `owner`: account id of the deleter. */
      data: { version: text(1), owner: text(2) },
    },
    /** One version is gone, and others are left. */
    VersionDeleted: {
      id: 6,
      from: ['present'],
      to: 'present',
      /** Its name; and, if it was the newest, that of the next, which the key names now. */
      data: { version: text(1), promoted: optional(text(2)) },
    },
    /**
     * The same bytes and description with other tags or grants, or with the keys of its bytes sealed anew: it
     * is as young as it was.
     */
    ObjectTagged: {
      id: 10,
      from: ['present'],
      to: 'present',
      data: { ...contentFields, uploadId: optional(text(20)), modifiedMs: uint(21) },
    },
  },
});

export type ObjectEvent = EventOf<typeof objects.table>;

export const objectStream = (bucket: string, key: string): string => `objects/${bucket}/${key}`;

// Names of versions. Of two of a key the one that the log has later has the lower name, whatever the clocks
// of those who wrote them say; none can be guessed; and a name says where its version stands. An event is
// appended without knowing its revision, so it says but the end of the name: the revision in the key's
// stream, counted from the highest down, is the beginning. Why: docs/decisions/0018-versions.md.

/** Of the one version of a key that was put while its bucket kept none. */
export const NULL_VERSION = 'null';

/** Revisions are whole numbers below 2^48. */
const HIGHEST_REVISION = 2 ** 48 - 1;
const ORDER_DIGITS = 12;
const END_BYTES = 10;
const ID = /^[0-9a-f]{32}$/;

/** What an event says of its version's name. */
export function newVersionEnd(random: Random): string {
  return random.fill(Buffer.allocUnsafe(END_BYTES)).toString('hex');
}

/** Where a version stands among those of its key: the later, the lower. */
export function orderAt(revision: number): string {
  return (HIGHEST_REVISION - revision).toString(16).padStart(ORDER_DIGITS, '0');
}

/** Of a name that is not NULL_VERSION. */
export function orderOf(version: string): string {
  assert(version.length > ORDER_DIGITS, 'the null version stands where it was put, not where its name says');
  return version.slice(0, ORDER_DIGITS);
}

/** @param said by the event of that revision: the whole name, or only its end */
export function versionAt(revision: number, said: string): string {
  return said.length === 2 * END_BYTES ? orderAt(revision) + said : said;
}

/** Whether a version could have that name. */
export function isVersion(text: string): boolean {
  return text === NULL_VERSION || ID.test(text);
}
