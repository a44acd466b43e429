// Owns the proof that objects and uploads end as the rules of their bucket say, and that rules are what they
// are at Amazon.

import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { failureOf, S3Server } from '#tests/support/s3-server.ts';

const DAY = 24 * 60 * 60 * 1_000;
let server: S3Server;

test.before(async () => {
  server = await S3Server.start();
});

test.after.always(() => server?.stop());

const make = (Bucket: string) => server.client.send(new CreateBucketCommand({ Bucket }));
const configure = (Bucket: string, Rules: LifecycleRule[]) =>
  server.client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
  );
const read = (Bucket: string) => server.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
const put = (Bucket: string, Key: string, more: object = {}) =>
  server.client.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', ...more }));
const keysOf = async (Bucket: string) =>
  ((await server.client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key);

const RULES: LifecycleRule[] = [
  { ID: 'days', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 3 } },
  {
    ID: 'joined',
    Status: 'Disabled',
    Filter: { And: { Prefix: 'a', Tags: [{ Key: 'x', Value: 'y' }], ObjectSizeGreaterThan: 5 } },
    Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
  },
  { ID: 'old', Status: 'Enabled', Prefix: 'up', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } },
  { ID: 'tag', Status: 'Enabled', Filter: { Tag: { Key: 'end', Value: 'soon' } }, Expiration: { Days: 1 } },
];

test.serial('a configuration comes back as it was put, and goes', async (t) => {
  await make('configured');
  t.is(await failureOf(read('configured')), 'NoSuchLifecycleConfiguration 404');
  await configure('configured', RULES);
  t.deepEqual((await read('configured')).Rules, RULES);
  await configure('configured', [{ Status: 'Enabled', Filter: {}, Expiration: { Days: 1 } }]);
  t.truthy((await read('configured')).Rules?.[0]?.ID);
  await server.client.send(new DeleteBucketLifecycleCommand({ Bucket: 'configured' }));
  t.is(await failureOf(read('configured')), 'NoSuchLifecycleConfiguration 404');
});

test.serial('objects and uploads end when their time has come, and nothing else', async (t) => {
  const Bucket = 'ending';
  const { clock, lifecycle } = server.memory;
  // Noon: a day later it is the day after that whatever was written ends.
  clock.advance(DAY / 2);
  await make(Bucket);
  await configure(Bucket, RULES);
  for (const key of ['logs/1', 'logs/2', 'other', 'tagged']) await put(Bucket, key);
  const soon = { TagSet: [{ Key: 'end', Value: 'soon' }] };
  await server.client.send(new PutObjectTaggingCommand({ Bucket, Key: 'tagged', Tagging: soon }));
  for (const Key of ['upload', 'download']) {
    await server.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  }
  const uploads = async () =>
    (await server.client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.map(({ Key }) => Key);
  t.like(await lifecycle.runOnce(), { deleted: 0, aborted: 0 });
  clock.advance(DAY + 1_000);
  await put(Bucket, 'logs/2');
  t.like(await lifecycle.runOnce(), { deleted: 0 });
  clock.advance(DAY);
  t.like(await lifecycle.runOnce(), { deleted: 1, aborted: 0 });
  t.deepEqual(await keysOf(Bucket), ['logs/1', 'logs/2', 'other']);
  clock.advance(2 * DAY);
  t.like(await lifecycle.runOnce(), { deleted: 1, aborted: 1 });
  t.deepEqual(await keysOf(Bucket), ['logs/2', 'other']);
  t.deepEqual(await uploads(), ['download']);
  t.like(await lifecycle.runOnce(), { deleted: 0, aborted: 0 });
  await server.client.send(new DeleteBucketLifecycleCommand({ Bucket }));
  clock.advance(30 * DAY);
  t.like(await lifecycle.runOnce(), { scanned: 0, deleted: 0 });
});

/** Aborted once it was looked at so often. */
function abortedAfter(looks: number): AbortSignal {
  let looked = 0;
  return {
    get aborted() {
      return ++looked > looks;
    },
  } as AbortSignal;
}

test.serial('a pass that was stopped goes on where it was', async (t) => {
  const { clock, lifecycle } = server.memory;
  const Filter = { ObjectSizeGreaterThan: 1 };
  for (const Bucket of ['first', 'second']) {
    await make(Bucket);
    await configure(Bucket, [{ ID: 'all', Status: 'Enabled', Filter, Expiration: { Days: 1 } }]);
    for (const key of ['1', '2', '3']) await put(Bucket, key);
    await put(Bucket, 'small', { Body: '' });
  }
  clock.advance(3 * DAY);
  // It looks before each page.
  t.like(await lifecycle.runOnce(abortedAfter(1)), { scanned: 4, deleted: 3 });
  t.deepEqual(await keysOf('first'), ['small']);
  t.is((await keysOf('second')).length, 4);
  const both = await Promise.all([lifecycle.runOnce(), lifecycle.runOnce()]);
  t.is(both[0], both[1]);
  t.like(both[0], { scanned: 4, deleted: 3 });
  t.deepEqual(await keysOf('second'), ['small']);
  t.like(await lifecycle.runOnce(), { scanned: 2, deleted: 0 });
});

test.serial('answers tell when what they are about ends', async (t) => {
  const Bucket = 'telling';
  await make(Bucket);
  t.is((await put(Bucket, 'logs/x')).Expiration, undefined);
  await configure(Bucket, [
    { ID: 'a b', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 1 } },
    { ID: 'u', Status: 'Enabled', Filter: {}, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
  ]);
  const told = /^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="a%20b"$/;
  t.regex((await put(Bucket, 'logs/x')).Expiration ?? '', told);
  t.is((await put(Bucket, 'other')).Expiration, undefined);
  const head = await server.client.send(new HeadObjectCommand({ Bucket, Key: 'logs/x' }));
  t.regex(head.Expiration ?? '', told);
  const copy = new CopyObjectCommand({ Bucket, Key: 'logs/y', CopySource: `${Bucket}/other` });
  t.regex((await server.client.send(copy)).Expiration ?? '', told);
  const upload = await server.client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
  t.is(upload.AbortRuleId, 'u');
  t.is((upload.AbortDate?.getTime() ?? 1) % DAY, 0);
});

test.serial('what is no configuration is refused', async (t) => {
  const Bucket = 'refusing';
  await make(Bucket);
  const base = { ID: 'r', Status: 'Enabled', Filter: {}, Expiration: { Days: 1 } } as const;
  const abort = { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } };
  const refused: readonly (readonly [readonly object[], string])[] = [
    [[], 'MalformedXML 400'],
    [[{ ...base, Status: 'enabled' }], 'MalformedXML 400'],
    [[{ ...base, ID: 'x'.repeat(limits.s3RuleIdCharacters + 1) }], 'InvalidArgument 400'],
    [[base, base], 'InvalidArgument 400'],
    [[{ ...base, Expiration: { Days: 0 } }], 'InvalidArgument 400'],
    [[{ ...base, Expiration: { Date: new Date('2030-01-01T01:00:00Z') } }], 'InvalidArgument 400'],
    [[{ ...base, Expiration: { Days: 1, Date: new Date('2030-01-01') } }], 'MalformedXML 400'],
    [[{ ...base, Expiration: undefined }], 'InvalidRequest 400'],
    [[{ ...base, Prefix: 'both' }], 'MalformedXML 400'],
    [[{ ...base, Filter: undefined }], 'MalformedXML 400'],
    [[{ ...base, Filter: { And: { Prefix: 'alone' } } }], 'MalformedXML 400'],
    [[{ ...base, Filter: { Tag: { Key: 'a?', Value: '' } } }], 'InvalidTag 400'],
    [[{ ...base, ...abort, Filter: { Tag: { Key: 'a', Value: 'b' } } }], 'InvalidRequest 400'],
    [[{ ...base, ...abort, Filter: { ObjectSizeLessThan: 5 } }], 'InvalidRequest 400'],
    [[{ ...base, Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] }], 'NotImplemented 501'],
    [[{ ...base, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }], 'NotImplemented 501'],
    [[{ ...base, Expiration: { ExpiredObjectDeleteMarker: true } }], 'NotImplemented 501'],
    [Array.from({ length: limits.s3LifecycleRules + 1 }, () => base), 'MalformedXML 400'],
  ];
  for (const [rules, failure] of refused) {
    const text = JSON.stringify(rules).slice(0, 200);
    t.is(await failureOf(configure(Bucket, rules as LifecycleRule[])), failure, text);
  }
});
