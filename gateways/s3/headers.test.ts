// Owns the proof that what describes an object survives the headers, and that no header is ignored that must
// not be.

import type { IncomingHttpHeaders } from 'node:http';
import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { S3Error } from './errors.ts';
import {
  addObjectHeaders,
  decodedMetadata,
  encodedMetadata,
  headerText,
  objectHeadersOf,
  refuseUnbuiltHeaders,
  storageClassOf,
} from './headers.ts';

test('any metadata comes back from its encoding, which is printable ASCII', (t) => {
  const values = fc.string({ unit: 'binary', maxLength: 60 });
  fc.assert(
    fc.property(values, (value) => {
      const encoded = encodedMetadata(value);
      return /^[\x20-\x7e]*$/.test(encoded) && decodedMetadata(encoded) === value;
    }),
  );
  t.is(encodedMetadata('plain text'), 'plain text');
  t.is(encodedMetadata('=?UTF-8?B?eA==?='), '=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=');
});

test('metadata is read as UTF-8, as ISO 8859-1, or as encoded words', (t) => {
  t.is(decodedMetadata(Buffer.from('é').toString('latin1')), 'é');
  t.is(decodedMetadata('\u00e9'), 'é');
  t.is(decodedMetadata('=?UTF-8?B?w6k=?='), 'é');
  t.is(decodedMetadata('=?utf-8?q?caf=C3=A9_au_lait?='), 'café au lait');
  t.is(decodedMetadata('=?ISO-8859-1?Q?=E9?= =?UTF-8?B?w6k=?='), 'éé');
  t.is(decodedMetadata('=?KOI8-R?B?xQ==?='), '=?KOI8-R?B?xQ==?=');
  t.is(decodedMetadata('=?UTF-8?B?/w==?='), '=?UTF-8?B?/w==?=');
});

test('the standard headers are kept, aws-chunked is not', (t) => {
  const described = objectHeadersOf({
    'content-type': 'text/plain',
    'cache-control': 'no-cache',
    'content-encoding': 'aws-chunked, gzip',
    expires: 'never',
    'x-amz-meta-a': '1',
    'x-amz-meta-__proto__': '2',
    'x-amz-date': '3',
  });
  t.is(described.contentType, 'text/plain');
  t.deepEqual(described.headers, {
    'cache-control': 'no-cache',
    'content-encoding': 'gzip',
    expires: 'never',
  });
  t.deepEqual(Object.entries(described.metadata), [
    ['a', '1'],
    ['__proto__', '2'],
  ]);
  t.deepEqual(objectHeadersOf({ 'content-encoding': 'aws-chunked' }).headers, {});
  t.is(objectHeadersOf({}).contentType, 'binary/octet-stream');
  const list: string[] = [];
  addObjectHeaders(list, described, { expires: 'now' });
  t.deepEqual(list, [
    ...['Content-Type', 'text/plain', 'Cache-Control', 'no-cache', 'Content-Encoding', 'gzip'],
    ...['Expires', 'now', 'x-amz-meta-a', '1', 'x-amz-meta-__proto__', '2'],
  ]);
});

test('metadata has a limit in bytes, names included', (t) => {
  const value = 'x'.repeat(limits.s3UserMetadataBytes - 1);
  t.notThrows(() => objectHeadersOf({ 'x-amz-meta-a': value }));
  const error = t.throws(() => objectHeadersOf({ 'x-amz-meta-ab': value }), { instanceOf: S3Error });
  t.is(error?.code, 'MetadataTooLarge');
});

test('what asks for nothing more than what is built is accepted', (t) => {
  const accepted: IncomingHttpHeaders[] = [
    { 'x-amz-acl': 'public-read' },
    { 'x-amz-tagging-directive': 'COPY' },
    { 'x-amz-meta-x-amz-acl': 'public-read', 'x-amz-date': 'x', 'x-amz-request-payer': 'requester' },
  ];
  for (const headers of accepted) t.notThrows(() => refuseUnbuiltHeaders(headers));
});

test('what is not built is refused by name', (t) => {
  const refused: Record<string, string> = {
    'x-amz-server-side-encryption-aws-kms-key-id': 'x',
    'x-amz-server-side-encryption-bucket-key-enabled': 'true',
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-bucket-object-lock-enabled': 'true',
    'x-amz-write-offset-bytes': '1',
    'x-amz-checksum-sha512': 'x',
  };
  for (const [name, value] of Object.entries(refused)) {
    const error = t.throws(() => refuseUnbuiltHeaders({ [name]: value }), { instanceOf: S3Error }, name);
    t.is(error?.code, 'NotImplemented');
    t.is(error?.details.Header, name);
  }
});

test('storage classes are those that objects can have', (t) => {
  t.is(storageClassOf({}), 'STANDARD');
  t.is(storageClassOf({ 'x-amz-storage-class': 'GLACIER_IR' }), 'GLACIER_IR');
  for (const value of ['', 'standard', 'COLD', 'OUTPOSTS']) {
    const error = t.throws(() => storageClassOf({ 'x-amz-storage-class': value }), { instanceOf: S3Error });
    t.is(error?.code, 'InvalidStorageClass', value);
  }
});

test('a text becomes a header value unless it would break out of it', (t) => {
  t.is(headerText('attachment; filename="é"'), Buffer.from('attachment; filename="é"').toString('latin1'));
  for (const text of ['a\r\nb', 'a\u0000', '\u007f']) t.is(headerText(text), undefined);
});
