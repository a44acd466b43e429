// Owns the keys under which bytes are stored (docs/decisions/0021-encryption.md): each blob has one of its
// own, which the log has sealed alone: under a key of the bucket, or under one that the request brought.
// Guarantees: nothing in the log opens anything without the cluster's secret and the bucket's key, or without
// the customer's; a customer's key is kept nowhere.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Properties, SECRET_PREFIX } from '#core/buckets/properties.ts';
import { SUBJECT_KEY_BYTES, seal, unseal } from '#core/identity/subject-keys.ts';
import { assert } from '#core/kernel/assert.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import type { Random } from '#core/kernel/random.ts';
import type { Encryption, Segment } from '#core/objects/objects.events.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { BLOB_KEY_BYTES } from '#storage-nodes/stream/blob-cipher.ts';
import type { BlobExtent } from '#storage-nodes/stream/blob-stream.ts';
import type { BucketRejection, Caller } from './cloud.ts';
import type { ServiceContext } from './context.ts';

/** Whose key opens what is stored: the bucket's, or the one that the request brings (32 bytes). */
export type EncryptionAsked =
  | { readonly by: 'cloud' }
  | { readonly by: 'customer'; readonly key: Uint8Array };

/** What is known of an object and opens its bytes; `customerKey` as whoever reads brought it. */
export type Sealed = Pick<StoredObject, 'segments' | 'bucket'> & {
  readonly encryption?: Encryption;
  readonly customerKey?: Uint8Array;
};

/** Set: what is put without a word about it is encrypted, whatever the dialect. */
export const ENCRYPTION_PROPERTY = 's3/encryption';
/** Names the key of the bucket that new blobs are sealed under. */
const CURRENT_KEY = 'encryption/key';
/** Set while objects may be sealed under another key of the bucket than that. */
export const RESEALING = 'encryption/resealing';
const BUCKET_KEYS = `${SECRET_PREFIX}encryption/`;
const ALGORITHM = 'aes-256-ctr';
const SALT_BYTES = 16;
/** Between the name of the key and what it seals. */
const SEPARATOR = ' ';
const CUSTOMER = 'customer';

export const isBucketKey = (property: string): boolean => property.startsWith(BUCKET_KEYS);

/** What is needed of buckets. */
export interface BucketKeys {
  /** The keys of the bucket, by property. */
  bucketKeys(bucket: StoredBucket): Promise<Properties>;
  /** As Buckets.describe. */
  describe(
    caller: Caller,
    name: string,
    changes: { readonly set: Properties; readonly unset: readonly string[] },
  ): Promise<undefined | Rejection<BucketRejection>>;
}

/** Where no key could be made for it: in terms of what was to be written. */
export function sealingRefused({
  rejected,
}: Rejection<BucketRejection>): Rejection<'access-denied' | 'no-such-bucket' | 'operation-in-progress'> {
  if (rejected === 'access-denied' || rejected === 'no-such-bucket') return { rejected };
  return { rejected: 'operation-in-progress' };
}

/** Of a bucket, by property. */
type OpenedKeys = ReadonlyMap<string, Uint8Array>;
const NO_KEYS: OpenedKeys = new Map();

/** One blob's key, and what the log is told of it. */
export interface NewSeal {
  readonly encryption: Encryption;
  readonly key: Uint8Array;
  /** As Segment.sealedKey. */
  sealedFor(blob: string): string;
}

export class SealedBlobs {
  readonly #context: ServiceContext;
  readonly #keys: BucketKeys;
  /** Properties of a bucket stay the same object until they change. */
  readonly #opened = new WeakMap<Properties, OpenedKeys>();

  constructor(context: ServiceContext, keys: BucketKeys) {
    this.#context = context;
    this.#keys = keys;
  }

  /** What is to be done where the request says nothing. */
  byDefault(bucket: string): EncryptionAsked | undefined {
    const properties = this.#context.buckets.get(bucket)?.properties;
    return properties?.[ENCRYPTION_PROPERTY] === undefined ? undefined : { by: 'cloud' };
  }

  /** @param name as the caller calls the bucket; its first key may have to be made */
  async seal(
    caller: Caller,
    bucket: string,
    name: string,
    asked: EncryptionAsked,
  ): Promise<NewSeal | Rejection<BucketRejection>> {
    if (asked.by === 'customer')
      return this.#newSeal(encryptionBy(asked.key, this.#context.random), asked.key, CUSTOMER);
    const found = this.#context.buckets.get(bucket);
    if (!found) return { rejected: 'no-such-bucket' };
    if (found.properties[CURRENT_KEY] === undefined) {
      const refused = await this.rotate(caller, name);
      return isRejected(refused) ? refused : this.seal(caller, bucket, name, asked);
    }
    const { by, key } = await this.#currentKey(found);
    return this.#newSeal({ algorithm: ALGORITHM, by: 'cloud' }, key, by);
  }

  /**
   * From now on blobs are sealed under a new key of the bucket.
   * @param reseals whether what is there is to follow
   */
  rotate(caller: Caller, name: string, reseals = false): Promise<undefined | Rejection<BucketRejection>> {
    const { random } = this.#context;
    const property = BUCKET_KEYS + newId(random);
    const key = random.fill(Buffer.alloc(SUBJECT_KEY_BYTES)).toString('base64');
    const set = { [property]: key, [CURRENT_KEY]: property, ...(reseals && { [RESEALING]: property }) };
    return this.#keys.describe(caller, name, { set, unset: [] });
  }

  /** All that is in the bucket, as it was looked at, is sealed under its key. */
  async endResealing(caller: Caller, { id, name, properties }: StoredBucket): Promise<void> {
    const now = this.#context.buckets.get(id)?.properties[RESEALING];
    // Changed once more: the next pass has something to do.
    if (now !== properties[RESEALING]) return;
    await this.#keys.describe(caller, name, { set: {}, unset: [RESEALING] });
  }

  #newSeal(encryption: Encryption, wrapping: Uint8Array, by: string): NewSeal {
    const { random } = this.#context;
    const key = random.fill(Buffer.alloc(BLOB_KEY_BYTES));
    const sealedFor = (blob: string) => sealedKey(wrapping, key, blob, by, random);
    return { encryption, key, sealedFor };
  }

  async #currentKey(bucket: StoredBucket): Promise<{ by: string; key: Uint8Array }> {
    const by = bucket.properties[CURRENT_KEY] ?? '';
    return { by, key: openedKey(this.#known(bucket) ?? (await this.#open(bucket)), by) };
  }

  #known({ properties }: StoredBucket): OpenedKeys | undefined {
    return this.#opened.get(properties);
  }

  async #open(bucket: StoredBucket): Promise<OpenedKeys> {
    const keys = Object.entries(await this.#keys.bucketKeys(bucket));
    const opened = new Map(keys.map(([property, text]) => [property, Buffer.from(text, 'base64')]));
    this.#opened.set(bucket.properties, opened);
    return opened;
  }

  /**
   * What the object's bytes are read from; a promise only where keys are to be opened.
   * @throws Fault `conflict`: only a customer's key opens it, and none was brought
   */
  extents(object: Sealed): readonly BlobExtent[] | Promise<readonly BlobExtent[]> {
    if (object.encryption === undefined) {
      assert(object.segments[0]?.sealedKey === undefined, 'what is sealed is not read as if it were plain');
      return object.segments;
    }
    if (object.encryption.by === CUSTOMER) return extentsOf(object, NO_KEYS);
    const bucket = this.#context.buckets.get(object.bucket);
    if (!bucket) return extentsOf(object, NO_KEYS);
    const known = this.#known(bucket);
    return known ? extentsOf(object, known) : this.#open(bucket).then((keys) => extentsOf(object, keys));
  }

  /** The same segments under the bucket's key as it is now; undefined: they are already. */
  async resealed(object: Sealed): Promise<readonly Segment[] | undefined> {
    const bucket = this.#context.buckets.get(object.bucket);
    if (!bucket || object.encryption?.by !== 'cloud') return undefined;
    const { by, key } = await this.#currentKey(bucket);
    if (object.segments.every(({ sealedKey: text }) => text?.split(SEPARATOR, 1)[0] === by)) return undefined;
    const extents = await this.extents(object);
    return object.segments.map((segment, at) => {
      const own = extents[at]?.key;
      if (!own) return segment;
      return { ...segment, sealedKey: sealedKey(key, own, segment.blob, by, this.#context.random) };
    });
  }
}

function extentsOf({ customerKey, segments }: Sealed, keys: OpenedKeys): readonly BlobExtent[] {
  return segments.map((segment) => {
    const { blob, sizeBytes, chunkBytes, sealedKey: text } = segment;
    if (text === undefined) return segment;
    const [by = '', sealed = ''] = text.split(SEPARATOR);
    const wrapping = by === CUSTOMER ? customerKey : openedKey(keys, by);
    if (!wrapping) throw new Fault('conflict', 'the object is encrypted under a key that was not brought');
    const key = Buffer.from(unseal(wrapping, Buffer.from(sealed, 'base64'), blob), 'base64');
    return { blob, sizeBytes, chunkBytes, key };
  });
}

function openedKey(keys: OpenedKeys, property: string): Uint8Array {
  const key = keys.get(property);
  if (key === undefined) throw new Fault('corruption', `the key ${property} of a bucket is destroyed`);
  return key;
}

function sealedKey(wrapping: Uint8Array, key: Uint8Array, blob: string, by: string, random: Random): string {
  const plain = Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64');
  return by + SEPARATOR + Buffer.from(seal(wrapping, plain, blob, random)).toString('base64');
}

function encryptionBy(key: Uint8Array, random: Random): Encryption {
  assert(key.length === SUBJECT_KEY_BYTES, 'the key of a customer has 32 bytes');
  const salt = random.fill(Buffer.alloc(SALT_BYTES));
  const check = Buffer.concat([salt, saltedHash(key, salt)]).toString('base64');
  return { algorithm: ALGORITHM, by: 'customer', check };
}

/** Whether it is the key that the encryption is by. */
export function isKeyOf({ check = '' }: Encryption, key: Uint8Array): boolean {
  const bytes = Buffer.from(check, 'base64');
  const hash = saltedHash(key, bytes.subarray(0, SALT_BYTES));
  return bytes.length === SALT_BYTES + hash.length && timingSafeEqual(hash, bytes.subarray(SALT_BYTES));
}

const saltedHash = (key: Uint8Array, salt: Uint8Array): Buffer =>
  createHmac('sha256', key).update('strata customer key').update(salt).digest();
