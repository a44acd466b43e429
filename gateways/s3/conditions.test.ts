// Owns the proof of the precedence of conditions (RFC 9110, section 13.2.2).

import type { IncomingHttpHeaders } from 'node:http';
import test from 'ava';
import { deletionTermsOf, ifRangeHolds, judgeCopySource, judgeRead, writeConditionOf } from './conditions.ts';
import { S3Error } from './errors.ts';

const modifiedMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const current = { etag: 'abc', modifiedMs };
const same = 'Fri, 02 Jan 2026 03:04:05 GMT';
const before = 'Fri, 02 Jan 2026 03:04:04 GMT';
const after = 'Fri, 02 Jan 2026 03:04:06 GMT';

function read(headers: IncomingHttpHeaders): number | string {
  try {
    return judgeRead(headers, current) ? 304 : 200;
  } catch (error) {
    return `${(error as S3Error).code} ${(error as S3Error).details.Condition}`;
  }
}

test('each condition of a read alone', (t) => {
  t.is(read({}), 200);
  t.is(read({ 'if-match': '"abc"' }), 200);
  t.is(read({ 'if-match': 'abc' }), 200);
  t.is(read({ 'if-match': '*' }), 200);
  t.is(read({ 'if-match': '"x", "abc"' }), 200);
  t.is(read({ 'if-match': '"x"' }), 'PreconditionFailed If-Match');
  t.is(read({ 'if-none-match': '"abc"' }), 304);
  t.is(read({ 'if-none-match': 'W/"abc"' }), 304);
  t.is(read({ 'if-none-match': '*' }), 304);
  t.is(read({ 'if-none-match': '"x"' }), 200);
  t.is(read({ 'if-modified-since': same }), 304);
  t.is(read({ 'if-modified-since': after }), 304);
  t.is(read({ 'if-modified-since': before }), 200);
  t.is(read({ 'if-modified-since': 'yesterday' }), 200);
  t.is(read({ 'if-unmodified-since': same }), 200);
  t.is(read({ 'if-unmodified-since': before }), 'PreconditionFailed If-Unmodified-Since');
  t.is(read({ 'if-unmodified-since': 'tomorrow' }), 200);
});

test('an etag outweighs a date', (t) => {
  t.is(read({ 'if-match': '"abc"', 'if-unmodified-since': before }), 200);
  t.is(read({ 'if-none-match': '"abc"', 'if-modified-since': before }), 304);
  t.is(read({ 'if-none-match': '"x"', 'if-modified-since': after }), 200);
  t.is(read({ 'if-match': '"x"', 'if-none-match': '"abc"' }), 'PreconditionFailed If-Match');
  t.is(read({ 'if-match': '"abc"', 'if-none-match': '"abc"' }), 304);
});

test('a copy source fails with 412 whatever does not hold', (t) => {
  const fails = (headers: IncomingHttpHeaders) =>
    t.is(
      t.throws(() => judgeCopySource(headers, current), { instanceOf: S3Error })?.code,
      'PreconditionFailed',
    );
  fails({ 'x-amz-copy-source-if-match': '"x"' });
  fails({ 'x-amz-copy-source-if-none-match': '"abc"' });
  fails({ 'x-amz-copy-source-if-modified-since': same });
  fails({ 'x-amz-copy-source-if-unmodified-since': before });
  judgeCopySource(
    { 'x-amz-copy-source-if-match': '"abc"', 'x-amz-copy-source-if-unmodified-since': before },
    current,
  );
  judgeCopySource(
    { 'x-amz-copy-source-if-none-match': 'x', 'x-amz-copy-source-if-modified-since': same },
    current,
  );
});

test('If-Range compares strongly', (t) => {
  t.true(ifRangeHolds(undefined, current));
  t.true(ifRangeHolds('"abc"', current));
  t.true(ifRangeHolds(same, current));
  t.false(ifRangeHolds('"x"', current));
  t.false(ifRangeHolds('W/"abc"', current));
  t.false(ifRangeHolds(before, current));
});

test('a write may demand absence or an etag, and nothing that is not built', (t) => {
  t.deepEqual(writeConditionOf({}), {});
  t.deepEqual(writeConditionOf({ 'if-none-match': '*' }), { ifAbsent: true });
  t.deepEqual(writeConditionOf({ 'if-match': '"abc"' }), { ifEtag: 'abc' });
  t.deepEqual(writeConditionOf({ 'if-match': '*' }), { ifEtag: '*' });
  t.like(deletionTermsOf({ 'if-match': 'abc' }), { ifMatch: 'abc', sizeBytes: undefined });
  t.like(deletionTermsOf({ 'x-amz-if-match-size': '5' }), { ifMatch: undefined, sizeBytes: 5 });
  const refused: IncomingHttpHeaders[] = [
    { 'if-none-match': '"abc"' },
    { 'if-match': '"a"', 'if-none-match': '*' },
    { 'if-match': '"a", "b"' },
    { 'if-modified-since': same },
    { 'if-unmodified-since': same },
  ];
  for (const headers of refused) {
    t.is(t.throws(() => writeConditionOf(headers), { instanceOf: S3Error })?.code, 'NotImplemented');
  }
  t.throws(() => deletionTermsOf({ 'if-none-match': '*' }), { instanceOf: S3Error });
});
