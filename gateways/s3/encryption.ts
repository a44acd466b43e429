// Owns what a request says of encryption, and what its answer does (Amazon S3 User Guide, "Protecting data
// with server-side encryption"). Guarantee: what a customer's key was asked to protect is neither written nor
// read without it, and the key goes no further than the call.
//
// Amazon takes customers' keys over TLS only. Here TLS ends before the gateway: they are taken from this very
// machine, where such a proxy or a test runs, and from proxies elsewhere that say `X-Forwarded-Proto: https`.

import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Encryption } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { StoredUpload } from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import { type EncryptionAsked, isKeyOf } from '#services/sealed-blobs.ts';
import { header, type S3Call } from './call.ts';
import { S3Error } from './errors.ts';

const ENCRYPTION_HEADER = 'x-amz-server-side-encryption';
const OWN = 'x-amz-server-side-encryption-customer-';
const OF_SOURCE = 'x-amz-copy-source-server-side-encryption-customer-';
const KEY_BYTES = 32;

/** What a request asks for, if anything: PutObject, CreateMultipartUpload, CopyObject. @throws S3Error */
export function encryptionOf(call: S3Call): EncryptionAsked | undefined {
  const method = header(call, ENCRYPTION_HEADER);
  const key = customerKeyOf(call, OWN);
  if (method === undefined) return key && { by: 'customer', key };
  if (key) {
    throw wrong(
      ENCRYPTION_HEADER,
      method,
      'Server Side Encryption with Customer provided key is incompatible with the encryption method ' +
        'specified',
    );
  }
  checkMethod(method);
  return { by: 'cloud' };
}

/** @throws S3Error InvalidArgument; NotImplemented: there is no service of keys */
function checkMethod(method: string): void {
  if (method === 'AES256') return;
  if (method !== 'aws:kms' && method !== 'aws:kms:dsse') {
    throw wrong(ENCRYPTION_HEADER, method, 'The encryption method specified is not supported');
  }
  throw new S3Error('NotImplemented', undefined, { Header: ENCRYPTION_HEADER });
}

/** Undefined where there is none. @throws S3Error InvalidArgument, InvalidEncryptionAlgorithmError */
function customerKeyOf(call: S3Call, prefix: string): Uint8Array | undefined {
  const algorithm = header(call, `${prefix}algorithm`);
  const text = header(call, `${prefix}key`);
  const md5 = header(call, `${prefix}key-md5`);
  if (algorithm === undefined && text === undefined && md5 === undefined) return undefined;
  if (!isSafe(call))
    throw new S3Error('InvalidRequest', `${WITH_KEYS} must be made over a secure connection.`);
  if (algorithm === undefined) throw incomplete(prefix, 'algorithm', 'a valid encryption algorithm');
  if (algorithm !== 'AES256') {
    throw new S3Error('InvalidEncryptionAlgorithmError', undefined, {
      ArgumentName: `${prefix}algorithm`,
      ArgumentValue: algorithm,
    });
  }
  if (text === undefined) throw incomplete(prefix, 'key', 'an appropriate secret key');
  if (md5 === undefined) throw incomplete(prefix, 'key-MD5', 'the client calculated MD5 of the secret key');
  const key = Buffer.from(text, 'base64');
  // The value itself is told to nobody, not even to who sent it.
  if (key.length !== KEY_BYTES || key.toString('base64') !== text.trim()) {
    throw wrong(`${prefix}key`, undefined, 'The secret key was invalid for the specified algorithm.');
  }
  if (md5Of(key) !== md5.trim()) {
    const message = 'The calculated MD5 hash of the key did not match the hash that was provided.';
    throw wrong(`${prefix}key-MD5`, md5, message);
  }
  return key;
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/** A connection without an address is one of this machine's sockets. */
function isSafe({ request }: S3Call): boolean {
  const { remoteAddress } = request.socket;
  const forwarded = request.headers['x-forwarded-proto'];
  return remoteAddress === undefined || LOOPBACK.test(remoteAddress) || forwarded === 'https';
}

type Opened = StoredObject & { readonly customerKey?: Uint8Array };

/** The object with what opens it. @throws S3Error InvalidRequest, AccessDenied, … */
export function openedBy(call: S3Call, object: StoredObject): Opened {
  if (call.headers[ENCRYPTION_HEADER] !== undefined) {
    const value = header(call, ENCRYPTION_HEADER);
    throw wrong(ENCRYPTION_HEADER, value, `${ENCRYPTION_HEADER} header is not supported for this operation.`);
  }
  return opened(object, customerKeyOf(call, OWN));
}

/** The same of the source of a copy. */
export const openedAsSource = (call: S3Call, object: StoredObject): Opened =>
  opened(object, customerKeyOf(call, OF_SOURCE));

function opened(object: StoredObject, key: Uint8Array | undefined): Opened {
  const { encryption } = object;
  if (encryption?.by !== 'customer') {
    if (!key) return object;
    throw new S3Error('InvalidRequest', 'The encryption parameters are not applicable to this object.');
  }
  if (!key) throw keyMissing();
  if (!isKeyOf(encryption, key)) throw new S3Error('AccessDenied');
  return { ...object, customerKey: key };
}

/** Of what is read by somebody who has no way to bring a key. @throws S3Error InvalidRequest */
export function checkOpen({ encryption }: StoredObject): void {
  if (encryption?.by === 'customer') throw keyMissing();
}

function keyMissing(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided ' +
      'to retrieve the object.',
  );
}

/**
 * The key for a part of the upload. @throws S3Error InvalidRequest: it is not that of the upload
 * @param mayLack whether the request need not bring it
 */
export function uploadKeyOf(call: S3Call, upload: StoredUpload, mayLack = false): Uint8Array | undefined {
  const { encryption } = upload;
  const key = customerKeyOf(call, OWN);
  if (encryption?.by !== 'customer') {
    if (!key) return undefined;
    const message = 'The multipart upload initiate did not request encryption with this key.';
    throw new S3Error('InvalidRequest', message);
  }
  if (!key) {
    if (mayLack) return undefined;
    throw new S3Error(
      'InvalidRequest',
      'The multipart upload initiate requested encryption. Subsequent part requests must include the ' +
        'appropriate encryption parameters.',
    );
  }
  if (isKeyOf(encryption, key)) return key;
  const message = 'The provided encryption parameters did not match the ones used originally.';
  throw new S3Error('InvalidRequest', message);
}

/** Under a customer's key the MD5 of the bytes would tell of them: its place takes one that needs the key. */
export function etagUnder(key: Uint8Array | undefined, md5: string): string {
  if (!key) return md5;
  return createHmac('sha256', key).update('strata etag').update(md5).digest('hex').slice(0, md5.length);
}

/** @param of what the answer is about */
export function addEncryption(
  answer: string[],
  { headers }: { readonly headers: IncomingHttpHeaders },
  { encryption }: { readonly encryption?: Encryption },
): void {
  if (encryption === undefined) return;
  if (encryption.by === 'cloud') answer.push(ENCRYPTION_HEADER, 'AES256');
  else if (headers[`${OWN}key-md5`] !== undefined) {
    answer.push(`${OWN}algorithm`, 'AES256', `${OWN}key-MD5`, String(headers[`${OWN}key-md5`]));
  }
}

const WITH_KEYS = 'Requests specifying Server Side Encryption with Customer provided keys';

const incomplete = (prefix: string, name: string, what: string): S3Error =>
  wrong(prefix + name, undefined, `${WITH_KEYS} must provide ${what}.`);

function wrong(name: string, value: string | undefined, message: string): S3Error {
  return new S3Error('InvalidArgument', message, {
    ArgumentName: name,
    ...(value !== undefined && { ArgumentValue: value }),
  });
}

const md5Of = (key: Uint8Array): string => createHash('md5').update(key).digest('base64');
