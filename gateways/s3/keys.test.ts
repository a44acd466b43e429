// Owns the proof that an address reaches the bucket and the key that the client wrote.

import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { S3Error } from './errors.ts';
import { addressOf, checkKey, copySourceOf, HostNames } from './keys.ts';

const hosts = new HostNames('localhost', 'us-east-1');

test('a path names bucket and key', (t) => {
  t.deepEqual(addressOf('/', 'localhost:9000', hosts), { bucket: '', key: '' });
  t.deepEqual(addressOf('/abc', '127.0.0.1:9000', hosts), { bucket: 'abc', key: '' });
  t.deepEqual(addressOf('/abc/', '127.0.0.1:9000', hosts), { bucket: 'abc', key: '' });
  t.deepEqual(addressOf('/abc/a/b', '[::1]:9000', hosts), { bucket: 'abc', key: 'a/b' });
  t.deepEqual(addressOf('/abc//a/../b', 'localhost', hosts), { bucket: 'abc', key: '/a/../b' });
  t.deepEqual(addressOf('/abc/a%2Fb+c%20d', undefined, hosts), { bucket: 'abc', key: 'a/b+c d' });
});

test('a host names the bucket where it is below the domain', (t) => {
  for (const host of [
    'abc.localhost',
    'abc.localhost:9000',
    'abc.s3.localhost',
    'ABC.s3.us-east-1.localhost:1',
  ]) {
    t.deepEqual(addressOf('/x/y', host, hosts), { bucket: 'abc', key: 'x/y' }, host);
  }
  t.is(hosts.bucketOf('a.b.c.localhost'), 'a.b.c');
  for (const host of [
    'localhost',
    's3.localhost',
    's3.us-east-1.localhost',
    'other.example',
    '10.0.0.1',
    '[::1]',
  ]) {
    t.is(hosts.bucketOf(host), '', host);
  }
});

test('a path that is not UTF-8, or badly escaped, is InvalidURI', (t) => {
  for (const path of ['/abc/%ff', '/abc/%e', '/abc/%zz', '/%ff/abc', '/abc/%c0%80', '/abc/%ed%a0%80']) {
    t.throws(() => addressOf(path, undefined, hosts), { instanceOf: S3Error, message: /parse/ }, path);
  }
});

test('a key is measured in UTF-8 bytes', (t) => {
  t.notThrows(() => checkKey('x'.repeat(limits.s3KeyBytes)));
  t.notThrows(() => checkKey('é'.repeat(limits.s3KeyBytes / 2)));
  for (const key of ['x'.repeat(limits.s3KeyBytes + 1), `é${'x'.repeat(limits.s3KeyBytes - 1)}`]) {
    const error = t.throws(() => checkKey(key), { instanceOf: S3Error });
    t.is(error?.code, 'KeyTooLongError');
  }
});

test('any key comes back from its encoded path', (t) => {
  const keys = fc.string({ unit: 'binary', minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(keys, (key) => {
      const raw = key.split('/').map(encodeURIComponent).join('/');
      return addressOf(`/abc/${raw}`, undefined, hosts).key === key;
    }),
  );
  t.pass();
});

test('a copy source is decoded, with or without its slash and version', (t) => {
  t.deepEqual(copySourceOf('/abc/a%20b/c'), { bucket: 'abc', key: 'a b/c', versionId: undefined });
  t.deepEqual(copySourceOf('abc/%3FversionId%3D'), {
    bucket: 'abc',
    key: '?versionId=',
    versionId: undefined,
  });
  t.deepEqual(copySourceOf('abc%2Fkey?versionId=null'), { bucket: 'abc', key: 'key', versionId: 'null' });
  for (const header of ['', '/', 'abc', 'abc/', '/abc', '//key', 'abc/%ff']) {
    t.throws(() => copySourceOf(header), { instanceOf: S3Error }, header);
  }
});
