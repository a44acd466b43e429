// Owns the specification of what a key may name.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { type ObjectCommand, objectDecider } from './objects.decider.ts';
import { type Content, type ObjectEvent, versionAt } from './objects.events.ts';

const contentOf = (etag: string): Content => ({
  sizeBytes: 3,
  etag,
  segments: [{ blob: '0'.repeat(32), sizeBytes: 3, chunkBytes: 1024, partNumber: 0 }],
  contentType: 'text/plain',
  headers: {},
  metadata: {},
  storageClass: 'STANDARD',
  owner: 'ada',
});
const put = (etag: string): ObjectEvent => ({ type: 'ObjectPut', data: contentOf(etag) });
const deleted: ObjectEvent = { type: 'ObjectDeleted', data: {} };
const END = 'e'.repeat(20);
const deleting = (condition = {}) =>
  ({ type: 'DeleteObject', owner: 'ada', condition, version: END }) as const;
const putting = (etag: string, condition = {}) =>
  ({ type: 'PutObject', content: contentOf(etag), condition, version: END }) as const;

test('an unconditional put takes the key, whatever it named', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  given()
    .when(putting('a'))
    .then([put('a')]);
  given(put('a'))
    .when(putting('b'))
    .then([put('b')]);
});

test('a put that wants an absent key is refused while the key names something', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  given()
    .when(putting('a', { ifAbsent: true }))
    .then([put('a')]);
  given(put('a'))
    .when(putting('b', { ifAbsent: true }))
    .then({ rejected: 'precondition-failed' });
  given(put('a'), deleted)
    .when(putting('b', { ifAbsent: true }))
    .then([put('b')]);
});

test('a put that wants an etag is refused when there is another, or none', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  given(put('a'))
    .when(putting('b', { ifEtag: 'a' }))
    .then([put('b')]);
  given(put('a'))
    .when(putting('b', { ifEtag: '*' }))
    .then([put('b')]);
  given(put('a'))
    .when(putting('b', { ifEtag: 'x' }))
    .then({ rejected: 'precondition-failed' });
  given()
    .when(putting('b', { ifEtag: 'a' }))
    .then({ rejected: 'no-such-key' });
});

test('a completed upload takes the key under the same conditions as a put', (t) => {
  const completing = (condition: object) =>
    ({ type: 'CompleteObject', content: contentOf('m-2'), uploadId: 'u', condition, version: END }) as const;
  const { given } = deciderSpec(t, objectDecider);
  given(put('a'))
    .when(completing({ ifAbsent: true }))
    .then({ rejected: 'precondition-failed' });
  given(put('a'))
    .when(completing({}))
    .then([{ type: 'ObjectCompleted', data: { ...contentOf('m-2'), uploadId: 'u' } }]);
});

test('deleting what is there is an event, deleting what is not is none', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  given(put('a')).when(deleting()).then([deleted]);
  given().when(deleting()).then([]);
  given(put('a'), deleted).when(deleting()).then([]);
  given(put('a'))
    .when(deleting({ ifEtag: 'b' }))
    .then({ rejected: 'precondition-failed' });
});

test('what is there is described anew, with the bytes that it has; what is not is not', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  const content = { ...contentOf('a'), contentType: 'image/png' };
  const describing = { type: 'DescribeObject', content, condition: {} } as const;
  given(put('a'))
    .when(describing)
    .then([{ type: 'ObjectDescribed', data: content }]);
  given().when(describing).then({ rejected: 'no-such-key' });
  const tagged = { ...content, tags: { values: { a: 'b' } }, modifiedMs: 1 };
  const tagging = { type: 'TagObject', content: tagged, condition: {} } as const;
  given(put('a'))
    .when(tagging)
    .then([{ type: 'ObjectTagged', data: tagged }]);
  given().when(tagging).then({ rejected: 'no-such-key' });
});

const end = (digit: string) => digit.repeat(20);
const putAs = (etag: string, version: string): ObjectEvent => ({
  type: 'ObjectPut',
  data: { ...contentOf(etag), version },
});
const markedAs = (version: string): ObjectEvent => ({
  type: 'ObjectMarked',
  data: { version, owner: 'ada' },
});
const deletingVersion = (version: string, condition = {}): ObjectCommand => ({
  ...{ type: 'DeleteVersion', version, condition },
});

test('a bucket that keeps versions gives each a name, a suspended one calls it null', (t) => {
  const { decide, initial } = objectDecider;
  const enabled = { ...initial, versioning: 'enabled' } as const;
  const suspended = { ...initial, versioning: 'suspended' } as const;
  t.deepEqual(decide(enabled, putting('a')), [putAs('a', END)]);
  t.deepEqual(decide(suspended, putting('a')), [putAs('a', 'null')]);
  t.deepEqual(decide(enabled, deleting()), [markedAs(END)]);
  t.deepEqual(decide(suspended, deleting()), [markedAs('null')]);
  const held = { ...enabled, status: 'present', etag: 'a' } as const;
  t.deepEqual(decide(held, deleting({ ifEtag: 'b' })), { rejected: 'precondition-failed' });
});

test('a key whose newest version is a deletion names nothing', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  const history = [putAs('a', end('1')), markedAs(end('2'))] as const;
  given(...history)
    .when(putting('b', { ifAbsent: true }))
    .then([put('b')]);
  given(...history)
    .when(putting('b', { ifEtag: 'a' }))
    .then({ rejected: 'no-such-key' });
  given(...history)
    .when({ type: 'DescribeObject', content: contentOf('a'), condition: {} })
    .then({ rejected: 'no-such-key' });
});

test('the version that goes is named, and so is the one that a key names then', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  const [first, second, third] = ['1', '2', '3'].map((digit, at) => versionAt(at, end(digit)));
  if (!first || !second || !third) return t.fail();
  const history = [putAs('a', end('1')), markedAs(end('2')), putAs('c', end('3'))] as const;
  const gone = (version: string, promoted?: string): ObjectEvent => ({
    type: 'VersionDeleted',
    data: { version, ...(promoted !== undefined && { promoted }) },
  });
  given(...history)
    .when(deletingVersion(third))
    .then([gone(third, second)]);
  given(...history)
    .when(deletingVersion(second))
    .then([gone(second)]);
  given(...history)
    .when(deletingVersion('null'))
    .then([]);
  given(...history, gone(third, second))
    .when(deletingVersion(second))
    .then([gone(second, first)]);
  given(...history, gone(third, second), gone(second, first))
    .when(deletingVersion(first))
    .then([{ type: 'ObjectDeleted', data: { version: first } }]);
  given(...history)
    .when(deletingVersion(first, { ifEtag: 'c' }))
    .then({ rejected: 'precondition-failed' });
});

test('there is one null version only, wherever it stands', (t) => {
  const { given } = deciderSpec(t, objectDecider);
  const kept = versionAt(1, end('1'));
  const history = [put('a'), putAs('b', end('1')), putAs('c', 'null')] as const;
  given(...history)
    .when(deletingVersion(kept))
    .then([{ type: 'VersionDeleted', data: { version: kept } }]);
  given(...history, { type: 'VersionDeleted', data: { version: kept } })
    .when(deletingVersion('null'))
    .then([{ type: 'ObjectDeleted', data: { version: 'null' } }]);
});
