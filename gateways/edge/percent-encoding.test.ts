// Owns the proof that targets are decoded as they were encoded, and that nothing malformed is guessed at.

import test from 'ava';
import fc from 'fast-check';
import { canonicalEncoding, percentDecode } from './percent-encoding.ts';
import { decodePath, parseQuery } from './query-string.ts';
import { splitTarget } from './request-target.ts';

const PATH = { keepSlash: true, plusIsSpace: false };
const PARAMETER = { keepSlash: false, plusIsSpace: true };

test('an encoded text is decoded to itself, however it was encoded', (t) => {
  const anyCase = (encoded: string) => encoded.replace(/%../g, (digits) => digits.toLowerCase());
  const eager = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = encodeURIComponent(text);
      const canonical = canonicalEncoding(encoded, PARAMETER);
      for (const other of [encoded, anyCase(encoded), eager(text)]) {
        t.is(percentDecode(other, true), text);
        t.is(canonicalEncoding(other, PARAMETER), canonical);
      }
    }),
  );
});

test('the canonical encoding is stable and leaves only unreserved characters', (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const raw = Buffer.from(bytes).toString('latin1').replaceAll('%', '%25');
      const canonical = canonicalEncoding(raw, PATH) ?? '';
      t.regex(canonical, /^([A-Za-z0-9\-._~/]|%[0-9A-F]{2})*$/);
      t.is(canonicalEncoding(canonical, PATH), canonical);
    }),
  );
});

test('slash and plus follow the rules given', (t) => {
  t.is(canonicalEncoding('a/b+c%2F', PATH), 'a/b%2Bc/');
  t.is(canonicalEncoding('a/b+c%2B', PARAMETER), 'a%2Fb%20c%2B');
});

test('malformed escapes and texts are undefined', (t) => {
  for (const raw of ['%', '%2', '%zz', 'a%2', '%%20', '%-1', '\u0100']) {
    t.is(canonicalEncoding(raw, PATH), undefined, raw);
    t.is(percentDecode(raw, false), undefined, raw);
  }
  for (const raw of ['%ff', '%c3', '%ed%a0%80', '\xff']) t.is(percentDecode(raw, false), undefined, raw);
  t.is(decodePath('/%ff'), undefined);
  t.is(parseQuery('a=%ff'), undefined);
});

test('a query is its parameters in order', (t) => {
  t.deepEqual(parseQuery(''), []);
  t.deepEqual(parseQuery('acl'), [['acl', '']]);
  t.deepEqual(parseQuery('a=1&&b=x+y%2B&a==2&=3'), [
    ['a', '1'],
    ['b', 'x y+'],
    ['a', '=2'],
    ['', '3'],
  ]);
});

test('a target is split at its first question mark, and only there', (t) => {
  const cases: [url: string, rawPath: string, rawQuery: string][] = [
    ['/', '/', ''],
    ['/a//b/../c?d?e=%2F', '/a//b/../c', 'd?e=%2F'],
    ['//bucket/key', '//bucket/key', ''],
    ['/?', '/', ''],
    ['*', '*', ''],
    ['http://host:1/a?b', '/a', 'b'],
    ['http://host?b', '/', 'b'],
  ];
  for (const [url, rawPath, rawQuery] of cases) t.deepEqual(splitTarget(url), { rawPath, rawQuery }, url);
});
