// Owns the specification of what a key may name.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { objectDecider } from './objects.decider.ts';
import type { Content, ObjectEvent } from './objects.events.ts';

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
const putting = (etag: string, condition = {}) =>
  ({ type: 'PutObject', content: contentOf(etag), condition }) as const;

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
    ({ type: 'CompleteObject', content: contentOf('m-2'), uploadId: 'u', condition }) as const;
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
  given(put('a')).when({ type: 'DeleteObject', condition: {} }).then([deleted]);
  given().when({ type: 'DeleteObject', condition: {} }).then([]);
  given(put('a'), deleted).when({ type: 'DeleteObject', condition: {} }).then([]);
  given(put('a'))
    .when({ type: 'DeleteObject', condition: { ifEtag: 'b' } })
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
