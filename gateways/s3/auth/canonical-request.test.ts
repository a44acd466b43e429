// Owns the proof of the canonical form's finer points, and of the keys that sign it.

import { createHmac } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { exampleContext, headerExamples, requestOf } from '#tests/support/s3-requests.ts';
import { authenticate } from './authenticate.ts';
import { canonicalPath, canonicalQuery, canonicalValue, HeaderLookup } from './canonical-request.ts';
import { HmacKey } from './hmac-key.ts';
import { deriveSigningKey, SigningKeys } from './signing-keys.ts';

test('a path is decoded once, encoded again and never normalised', (t) => {
  t.is(canonicalPath('/a//b/../c/./'), '/a//b/../c/./');
  t.is(canonicalPath('/%7euser/%e6%97%a5 $'), '/~user/%E6%97%A5%20%24');
  t.is(canonicalPath('/%252F'), '/%252F');
  t.is(canonicalPath('/%2'), undefined);
});

test('a query is sorted by encoded name, then value', (t) => {
  t.is(canonicalQuery('b=2&a=2&a=1&a-b=0&lifecycle', ''), 'a=1&a=2&a-b=0&b=2&lifecycle=');
  t.is(canonicalQuery('prefix=%C3%A9/&B=&a', ''), 'B=&a=&prefix=%C3%A9%2F');
  t.is(canonicalQuery('a=1&X-Amz-Signature=x', 'X-Amz-Signature'), 'a=1');
  t.is(canonicalQuery('a=%', ''), undefined);
});

test('a value is trimmed and its blanks made one, but never its other bytes', (t) => {
  t.is(canonicalValue('  a \t b  c '), 'a b c');
  t.is(canonicalValue('a\tb'), 'a b');
  t.is(canonicalValue('a\xa0\xa0b'), 'a\xa0\xa0b');
  t.is(canonicalValue(''), '');
});

test('metadata sent twice is signed as a list; what decides must come once', (t) => {
  const { headers, rawHeaders } = requestOf('GET', '/', [
    ['X-Amz-Meta-A', 'one'],
    ['Host', 'h'],
    ['x-amz-meta-a', ' two '],
  ]);
  const lookup = new HeaderLookup(headers, rawHeaders);
  t.is(lookup.get('x-amz-meta-a'), 'one,two');
  t.is(lookup.repeated, undefined);
  t.deepEqual([...lookup.names], ['x-amz-meta-a', 'host']);
  for (const name of ['x-amz-acl', 'Content-Length', 'content-md5', 'X-Amz-Copy-Source']) {
    const twice = requestOf('GET', '/', [
      [name, '1'],
      [name, '1'],
    ]);
    t.is(new HeaderLookup(twice.headers, twice.rawHeaders).repeated, name.toLowerCase());
  }
});

test('what every object inherits is no header', (t) => {
  const { headers, rawHeaders } = requestOf('GET', '/', [['Host', 'h']]);
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.is(new HeaderLookup(headers, rawHeaders).get(name), undefined);
  }
});

test('no request at all, however odd, makes the judge throw', (t) => {
  const example = headerExamples[0];
  if (!example) return t.fail();
  const name = fc.constantFrom(...example.headers.map(([name]) => name), 'x-amz-security-token', 'date');
  const header = fc.tuple(name, fc.oneof(fc.string(), fc.constantFrom(...example.headers.map(([, v]) => v))));
  const query = fc.stringMatching(
    /^((X-Amz-(Date|Expires|Credential|Signature|Algorithm)|a)=[%A-Z0-9/+]*&?)*$/,
  );
  fc.assert(
    fc.property(fc.array(header), fc.string(), query, (headers, path, rawQuery) => {
      const outcome = authenticate(requestOf('GET', `/${path}?${rawQuery}`, headers), exampleContext());
      return outcome.ok ? outcome.identity === 'anonymous' : outcome.error.status >= 400;
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

test('a kept key signs as the standard says', (t) => {
  const message = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)) });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), message, (key, text) => {
      const wanted = createHmac('sha256', key).update(text, 'latin1').digest();
      t.deepEqual(new HmacKey(key).sign(text), wanted);
      t.is(new HmacKey(key).signHex(text), wanted.toString('hex'));
    }),
  );
  const long = 'x'.repeat(10_000);
  t.is(new HmacKey(Buffer.from('k')).signHex(long), createHmac('sha256', 'k').update(long).digest('hex'));
});

test('kept keys are bounded, follow their secret, and the used ones stay', (t) => {
  const keys = new SigningKeys(4);
  const get = (id: string, secret = 's') => keys.get(id, secret, '20130524', 'us-east-1');
  const first = get('a');
  t.is(get('a'), first);
  t.not(get('a', 'new secret'), first);
  t.is(get('a').signHex('m'), deriveSigningKey('s', '20130524', 'us-east-1').signHex('m'));
  for (const id of ['b', 'c', 'd']) get(id);
  const kept = get('a');
  for (const id of ['e', 'f', 'g', 'h', 'i']) {
    get(id);
    t.is(get('a'), kept, id);
    t.is(keys.size, 4);
  }
});
