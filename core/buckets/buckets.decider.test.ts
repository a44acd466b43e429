// Owns the specification of a bucket's life.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { bucketDecider } from './buckets.decider.ts';
import type { BucketEvent } from './buckets.events.ts';

const created: BucketEvent = { type: 'BucketCreated', data: { owner: 'ada', region: 'us-east-1' } };
const closed: BucketEvent = { type: 'BucketClosed', data: {} };
const reopened: BucketEvent = { type: 'BucketReopened', data: {} };
const deleted: BucketEvent = { type: 'BucketDeleted', data: {} };
const createAs = (owner: string) => ({ type: 'CreateBucket', owner, region: 'us-east-1' }) as const;

test('a name that nobody has becomes a bucket', (t) => {
  deciderSpec(t, bucketDecider).given().when(createAs('ada')).then([created]);
});

test('what is known of a bucket from the beginning is told with its making', (t) => {
  const properties = { 'storage-policy': 'gold' };
  deciderSpec(t, bucketDecider)
    .given()
    .when({ ...createAs('ada'), properties })
    .then([created, { type: 'BucketDescribed', data: { set: properties, unset: [] } }]);
});

test('a bucket that exists is refused, with another answer to its owner than to others', (t) => {
  const spec = deciderSpec(t, bucketDecider).given(created);
  spec.when(createAs('ada')).then({ rejected: 'bucket-owned-by-caller' });
  spec.when(createAs('bob')).then({ rejected: 'bucket-exists' });
});

test('a deleted bucket may be created again, by anybody', (t) => {
  deciderSpec(t, bucketDecider)
    .given(created, closed, deleted)
    .when(createAs('bob'))
    .then([{ type: 'BucketCreated', data: { owner: 'bob', region: 'us-east-1' } }]);
});

test('a bucket is deleted only after it was closed', (t) => {
  const { given } = deciderSpec(t, bucketDecider);
  given(created).when({ type: 'DeleteBucket' }).then({ rejected: 'operation-in-progress' });
  given(created).when({ type: 'CloseBucket' }).then([closed]);
  given(created, closed).when({ type: 'DeleteBucket' }).then([deleted]);
  given(created, closed, reopened).when({ type: 'DeleteBucket' }).then({ rejected: 'operation-in-progress' });
});

test('a bucket closes once, and not at all when there is none', (t) => {
  const { given } = deciderSpec(t, bucketDecider);
  given(created, closed).when({ type: 'CloseBucket' }).then({ rejected: 'operation-in-progress' });
  given().when({ type: 'CloseBucket' }).then({ rejected: 'no-such-bucket' });
});

test('a closing bucket can be opened again, and opening an open one changes nothing', (t) => {
  const { given } = deciderSpec(t, bucketDecider);
  given(created, closed).when({ type: 'ReopenBucket' }).then([reopened]);
  given(created).when({ type: 'ReopenBucket' }).then([]);
  given(created, closed).when(createAs('ada')).then({ rejected: 'operation-in-progress' });
});

test('collections are announced and writes prolonged while a bucket is open, no more', (t) => {
  const { given } = deciderSpec(t, bucketDecider);
  const announced: BucketEvent = { type: 'CollectionAnnounced', data: {} };
  const prolonged = (blob: string): BucketEvent => ({ type: 'WriteProlonged', data: { blob } });
  const prolong = { type: 'ProlongWrites', blobs: ['a', 'b'] } as const;
  given(created).when({ type: 'AnnounceCollection' }).then([announced]);
  given(created, announced)
    .when(prolong)
    .then([prolonged('a'), prolonged('b')]);
  given(created, announced, prolonged('a')).when({ type: 'CloseBucket' }).then([closed]);
  given(created, closed).when({ type: 'AnnounceCollection' }).then({ rejected: 'operation-in-progress' });
  given(created, closed, deleted).when(prolong).then({ rejected: 'no-such-bucket' });
});

test('what is known of a bucket is told while it is open, and only where something changes', (t) => {
  const changes = { set: { 'meta/colour': 'blue' }, unset: ['quota/bytes'] };
  const describing = { type: 'DescribeBucket', ...changes } as const;
  const { given } = deciderSpec(t, bucketDecider);
  given(created)
    .when(describing)
    .then([{ type: 'BucketDescribed', data: changes }]);
  given(created).when({ type: 'DescribeBucket', set: {}, unset: [] }).then([]);
  given(created, closed).when(describing).then({ rejected: 'operation-in-progress' });
  given().when(describing).then({ rejected: 'no-such-bucket' });
});

test('what is replaced is kept in one way at most, and never forgotten again', (t) => {
  const { given } = deciderSpec(t, bucketDecider);
  const setting = (...names: readonly string[]) => ({
    set: Object.fromEntries(names.map((name) => [name, 'enabled'])),
    unset: [],
  });
  const described = (...names: readonly string[]): BucketEvent => ({
    type: 'BucketDescribed',
    data: setting(...names),
  });
  const describing = (...names: readonly string[]) =>
    ({ type: 'DescribeBucket', ...setting(...names) }) as const;
  given(created)
    .when(describing('versioning'))
    .then([described('versioning')]);
  given(created).when(describing('archive/stack', 'archive/history')).then({ rejected: 'bucket-state' });
  given(created, described('archive/stack'))
    .when(describing('versioning'))
    .then({ rejected: 'bucket-state' });
  given(created, described('versioning'))
    .when({ type: 'DescribeBucket', set: {}, unset: ['versioning'] })
    .then({ rejected: 'bucket-state' });
});
