// Owns the dialect-neutral use cases that gateways translate into: one way of a PUT for all dialects. Every
// call says who calls; whoever may not is answered with the rejection `access-denied`, never with data. Every
// read is strong: it sees whatever was acknowledged before the call began.

import type { Properties, PropertyChanges } from '#core/buckets/properties.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import type { Content, Tags } from '#core/objects/objects.events.ts';
import type { StoredBucket, StoredSpace } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type {
  StoredDeletion,
  StoredVersion,
  VersionListPage,
  VersionListRequest,
} from '#projections/object-versions/object-versions.query.ts';
import type {
  ListPage,
  ListRequest,
  StoredObject,
} from '#projections/objects-by-key/objects-by-key.query.ts';
import type {
  StoredPart,
  StoredUpload,
  UploadListPage,
  UploadListRequest,
} from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import type { BucketUsage, OwnerUsage } from '#projections/usage-by-bucket/usage-by-bucket.query.ts';
import type {
  BlobTarget,
  ByteSource,
  DigestAlgorithm,
  WrittenBlob,
} from '#storage-nodes/stream/blob-stream.ts';
import type { Readable } from './assembled-objects.ts';
import type { Role } from './permissions.ts';
import type { EncryptionAsked } from './sealed-blobs.ts';

export interface Caller {
  /** The project that it calls for. */
  readonly accountId: string;
  /** Who calls, where that is known apart from the project. */
  readonly userId?: string;
  /** The account that owns what the call makes, where that is not the project's. */
  readonly ownerId?: string;
  /** There. */
  readonly role: Role;
  readonly requestId: string;
}

export type BucketRejection =
  | 'access-denied'
  | 'no-such-bucket'
  | 'bucket-exists'
  | 'bucket-owned-by-caller'
  | 'bucket-not-empty'
  | 'too-many-buckets'
  /** It keeps what is replaced in another way already. */
  | 'bucket-state'
  /** The bucket is being deleted, or another conditional write of the same key won the race: ask again. */
  | 'operation-in-progress';

export type ObjectRejection =
  | 'access-denied'
  | 'no-such-bucket'
  | 'no-such-key'
  | 'no-such-version'
  | 'precondition-failed'
  /** The bucket, or all that its owner has, may hold no more. */
  | 'quota-exceeded'
  | 'operation-in-progress';

export type UploadRejection =
  | ObjectRejection
  | 'no-such-upload'
  | 'invalid-part'
  | 'invalid-part-order'
  | 'part-too-small'
  | 'object-too-large';

/** Of a write: what must hold for the key at the moment of the write. */
export interface WriteCondition {
  /** The key must name nothing. */
  readonly ifAbsent?: boolean;
  /** The key must name an object with this etag (no quotes); `*` for any. */
  readonly ifEtag?: string;
}

export interface DeleteCondition extends WriteCondition {
  /** The object must be the very one that was looked at: its revision. */
  readonly ifRevision?: number;
}

/** What a dialect knows of a new object once its bytes are written. */
export type ContentDraft = Omit<Content, 'sizeBytes' | 'segments' | 'owner' | 'version' | 'encryption'>;

/** What may change of an object while its bytes stay. */
export type ObjectDescription = Pick<Content, 'contentType' | 'headers' | 'metadata' | 'expiresMs'>;

export interface PutObjectRequest {
  readonly bucket: string;
  readonly key: string;
  readonly source: ByteSource;
  readonly digests: readonly DigestAlgorithm[];
  readonly condition: WriteCondition;
  /** Undefined: as the bucket has it. */
  readonly encryption?: EncryptionAsked;
  /**
   * Called when all bytes are durable and before anything names them: verifies the digests and describes the
   * object. What it throws is rethrown to the caller, and the bytes are discarded.
   */
  describe(written: WrittenBlob): ContentDraft;
}

export interface StartUploadRequest {
  readonly bucket: string;
  readonly key: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly checksumAlgorithm?: string;
  readonly checksumType?: string;
  readonly tags?: Tags;
  readonly grants?: string;
  /** As of a PutObjectRequest. */
  readonly encryption?: EncryptionAsked;
}

export interface PutPartRequest {
  readonly upload: StoredUpload;
  readonly partNumber: number;
  readonly source: ByteSource;
  readonly digests: readonly DigestAlgorithm[];
  /** Where the upload is encrypted under a customer's key: that key. */
  readonly customerKey?: Uint8Array;
  /** As PutObjectRequest.describe. `etag` is the hexadecimal MD5. */
  describe(written: WrittenBlob): { readonly etag: string; readonly checksum?: string };
}

export interface CompleteUploadRequest {
  readonly upload: StoredUpload;
  /** As the client listed them. */
  readonly parts: readonly {
    readonly partNumber: number;
    readonly etag: string;
    readonly checksum?: string;
  }[];
  readonly condition: WriteCondition;
  /** Smallest size of every part but the last. */
  readonly minPartBytes: number;
  readonly maxObjectBytes: number;
  /** As PutObjectRequest.describe, from the stored parts in the client's order. */
  describe(parts: readonly StoredPart[]): ContentDraft;
}

/** Whether a name means the same bucket to everybody, or to each project one of its own. */
export type NameScope = 'shared' | 'own';

export interface NewBucketOptions {
  /** Default: `shared`. */
  readonly scope?: NameScope;
  /** That it has from the beginning. No secrets. */
  readonly properties?: Properties;
}

export interface Space extends StoredSpace {
  readonly usage: OwnerUsage;
}

/** Names are those of the caller's: docs/decisions/0015-one-namespace.md. */
export interface Buckets {
  /**
   * The bucket that the account, or nobody in particular (''), means by the name, as this process sees it
   * now, whoever's it is: for who judges by more than roles what may be done there. Every use case judges by
   * the bucket's owner and the role again.
   */
  named(accountId: string, name: string): StoredBucket | undefined;
  /** The same, after whatever was acknowledged before the call. */
  latest(accountId: string, name: string): Promise<StoredBucket | undefined>;
  create(
    caller: Caller,
    name: string,
    region: string,
    options?: NewBucketOptions,
  ): Promise<StoredBucket | Rejection<BucketRejection>>;
  get(caller: Caller, name: string): Promise<StoredBucket | Rejection<'access-denied' | 'no-such-bucket'>>;
  /**
   * What is known besides of the bucket that the caller, or without one everybody, means by the name; whoever
   * asks. For what a gateway has to tell before it knows who calls.
   */
  properties(name: string, caller?: Caller): Promise<Properties | undefined>;
  /** The same, as this process sees it now. */
  known(name: string, caller?: Caller): Properties | undefined;
  /** In order of name, those above `after`. */
  list(caller: Caller, after: string, limit: number): Promise<readonly StoredBucket[]>;
  delete(caller: Caller, name: string): Promise<undefined | Rejection<BucketRejection>>;
  describe(
    caller: Caller,
    name: string,
    changes: PropertyChanges,
  ): Promise<undefined | Rejection<BucketRejection>>;
  /** What it holds, as applied: to be asked of a bucket that was just looked up. */
  usage(bucket: StoredBucket): BucketUsage;
  /** All that the caller's project has. */
  space(caller: Caller): Promise<Space | Rejection<'access-denied'>>;
  describeSpace(caller: Caller, changes: PropertyChanges): Promise<undefined | Rejection<'access-denied'>>;
  /**
   * What `secret/<name>` was set to, by name; of the properties themselves only the sealed form is shown.
   * Nothing for who may not change them.
   */
  secrets(caller: Caller, bucket: StoredBucket): Promise<Properties>;
  spaceSecrets(caller: Caller): Promise<Properties>;
}

/**
 * What is answered of an object that stands for another: the other, where it is of the same owner; or itself,
 * for who judges each step.
 */
export type Links = 'follow' | 'keep';

/** What came of a deletion, in a bucket that keeps versions or kept them. */
export interface Deletion {
  /** That was made, or that is gone; absent where the bucket never kept any. */
  readonly version?: string;
  /** Whether that is a deletion itself. */
  readonly isDeletion: boolean;
}

export interface Objects {
  put(caller: Caller, request: PutObjectRequest): Promise<StoredObject | Rejection<ObjectRejection>>;
  /** As it reads: one that is made of others has their size. */
  get(
    caller: Caller,
    bucket: string,
    key: string,
    links?: Links,
  ): Promise<StoredObject | Rejection<ObjectRejection>>;
  /** One version, as it reads: an object, or a deletion. */
  version(
    caller: Caller,
    bucket: string,
    key: string,
    version: string,
    links?: Links,
  ): Promise<StoredVersion | Rejection<ObjectRejection>>;
  /** Why the key names nothing, where its newest version says so. */
  deletion(caller: Caller, bucket: string, key: string): Promise<StoredDeletion | undefined>;
  /** As it was stored. */
  stored(caller: Caller, bucket: string, key: string): Promise<StoredObject | Rejection<ObjectRejection>>;
  /** The same bytes with another description. `change` may be called more than once. */
  describe(
    caller: Caller,
    bucket: string,
    key: string,
    change: (object: StoredObject) => ObjectDescription,
  ): Promise<StoredObject | Rejection<ObjectRejection>>;
  /** Other tags for the same object, which is no younger for it; undefined: none. */
  tag(
    caller: Caller,
    bucket: string,
    key: string,
    tags: Tags | undefined,
  ): Promise<StoredObject | Rejection<ObjectRejection>>;
  /** Other grants for the same object, which is no younger for it. */
  grant(
    caller: Caller,
    bucket: string,
    key: string,
    grants: string,
  ): Promise<StoredObject | Rejection<ObjectRejection>>;
  /**
   * Streams bytes `offset` to `offset + length` of the object.
   * @throws Fault `conflict` before the first byte where it is made of others that are not what they were, or
   * encrypted under a customer's key that `object` does not have.
   */
  read(object: Readable, offset: number, length: number, target: BlobTarget): Promise<void>;
  /** The same bytes as a source, for a copy. */
  source(object: Readable, offset: number, length: number): ByteSource;
  list(caller: Caller, request: ListRequest): Promise<ListPage | Rejection<ObjectRejection>>;
  /** What all keys named, and when they named nothing. */
  listVersions(
    caller: Caller,
    request: VersionListRequest,
  ): Promise<VersionListPage | Rejection<ObjectRejection>>;
  /**
   * Deleting what is not there succeeds. `ifEtag` as in WriteCondition. A bucket that keeps versions has one
   * more then, which says that the key names nothing.
   */
  delete(
    caller: Caller,
    bucket: string,
    key: string,
    condition: DeleteCondition,
  ): Promise<Deletion | Rejection<ObjectRejection>>;
  /** For ever. The condition is of the version; what is the newest then is what the key names. */
  deleteVersion(
    caller: Caller,
    bucket: string,
    key: string,
    version: string,
    condition: DeleteCondition,
  ): Promise<Deletion | Rejection<ObjectRejection>>;
}

export interface Uploads {
  start(caller: Caller, request: StartUploadRequest): Promise<StoredUpload | Rejection<UploadRejection>>;
  /** `key` must be the upload's own; otherwise `no-such-upload`. */
  get(
    caller: Caller,
    bucket: string,
    key: string,
    uploadId: string,
  ): Promise<StoredUpload | Rejection<UploadRejection>>;
  /**
   * Like `complete`: of an upload that `get` gave for the same request, so that no answer is older than it.
   */
  putPart(caller: Caller, request: PutPartRequest): Promise<StoredPart | Rejection<UploadRejection>>;
  parts(upload: StoredUpload, after: number, limit: number): Promise<readonly StoredPart[]>;
  list(caller: Caller, request: UploadListRequest): Promise<UploadListPage | Rejection<ObjectRejection>>;
  complete(
    caller: Caller,
    request: CompleteUploadRequest,
  ): Promise<StoredObject | Rejection<UploadRejection>>;
  abort(caller: Caller, upload: StoredUpload): Promise<undefined | Rejection<UploadRejection>>;
}

/** What an access key opens. */
export interface AccessKeyOwner {
  readonly accountId: string;
  readonly accountName: string;
  readonly canonicalId: string;
  readonly role: Role;
  readonly secret: string;
  /**
   * Who has the key, where that is a user and not the account itself; the name of one of another domain than
   * the project's has the domain's id before it.
   */
  readonly user?: { readonly id: string; readonly name: string };
}

export interface Accounts {
  /**
   * Undefined for an unknown or revoked key, and for one that must be fetched first. Synchronous and
   * cached: it is asked on each request.
   */
  accessKey(accessKeyId: string): AccessKeyOwner | undefined;
  /** Resolves when `accessKey` has the answer; for a key that it did not know. */
  fetchAccessKey(accessKeyId: string): Promise<void>;
  /** Display name and canonical id of an account, for owners in listings. */
  owner(accountId: string): { readonly canonicalId: string; readonly displayName: string };
  /** The account of that canonical id; undefined where there is none. */
  byCanonicalId(canonicalId: string): Promise<string | undefined>;
  /** The accounts that have that address, two at most. */
  byEmail(email: string): Promise<readonly string[]>;
}

export interface Cloud {
  readonly buckets: Buckets;
  readonly objects: Objects;
  readonly uploads: Uploads;
  readonly accounts: Accounts;
}
