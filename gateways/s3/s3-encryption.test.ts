// Owns the proof that encryption is what it is at Amazon, and that what was encrypted is stored as nothing
// that tells of it.

import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  type ServerSideEncryptionRule,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'sealed';
const PLAIN = Buffer.from('plain as day '.repeat(1_000));
const PART_BYTES = limits.s3PartBytesMin;
let server: S3Server;
let s3: S3Client;

test.before(async () => {
  server = await S3Server.start();
  s3 = server.client;
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new CreateBucketCommand({ Bucket: 'default' }));
});

test.after.always(() => server?.stop());

const md5 = (bytes: string | Uint8Array, as: 'hex' | 'base64' = 'hex') =>
  createHash('md5').update(bytes).digest(as);
const keyOf = (letter: string) => ({
  SSECustomerAlgorithm: 'AES256',
  SSECustomerKey: letter.repeat(32),
  SSECustomerKeyMD5: md5(letter.repeat(32), 'base64'),
});
const asSource = (letter: string) => ({
  CopySourceSSECustomerAlgorithm: 'AES256',
  CopySourceSSECustomerKey: letter.repeat(32),
  CopySourceSSECustomerKeyMD5: md5(letter.repeat(32), 'base64'),
});
const AES256 = { ServerSideEncryption: 'AES256' } as const;

const put = (Key: string, more: object = {}, Body: Buffer = PLAIN) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: object = {}) => s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
const head = (Key: string, more: object = {}) => s3.send(new HeadObjectCommand({ Bucket, Key, ...more }));
const copy = (Key: string, from: string, more: object = {}) =>
  s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}`, ...more }));
async function bytesOf(Key: string, more: object = {}): Promise<Buffer> {
  const { Body } = await get(Key, more);
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

function isStoredPlain(): boolean {
  for (const { data } of server.memory.chunks.chunks.values()) {
    if (Buffer.from(data).includes('plain as day')) return true;
  }
  return false;
}

async function upload(Key: string, more: object, partMore: object, bodies: readonly Buffer[]) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
  for (const [at, Body] of bodies.entries()) {
    const part = { Bucket, Key, UploadId, PartNumber: at + 1, Body, ...partMore };
    Parts.push({ PartNumber: at + 1, ETag: (await s3.send(new UploadPartCommand(part))).ETag });
  }
  return s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
}

test.serial(
  'what is encrypted by request reads as it was, and is stored as nothing that tells of it',
  async (t) => {
    const made = await put('cloud', AES256);
    t.is(made.ServerSideEncryption, 'AES256');
    t.is(made.ETag, `"${md5(PLAIN)}"`);
    t.is((await head('cloud')).ServerSideEncryption, 'AES256');
    t.deepEqual(await bytesOf('cloud'), PLAIN);
    t.deepEqual(await bytesOf('cloud', { Range: 'bytes=13-999' }), PLAIN.subarray(13, 1_000));
    const own = await put('own', keyOf('k'));
    t.is(own.SSECustomerAlgorithm, 'AES256');
    t.is(own.SSECustomerKeyMD5, keyOf('k').SSECustomerKeyMD5);
    t.not(own.ETag, `"${md5(PLAIN)}"`);
    t.deepEqual(await bytesOf('own', keyOf('k')), PLAIN);
    t.deepEqual(await bytesOf('own', { ...keyOf('k'), Range: 'bytes=-7' }), PLAIN.subarray(-7));
    t.is((await head('own', keyOf('k'))).SSECustomerKeyMD5, keyOf('k').SSECustomerKeyMD5);
    await put('empty', keyOf('k'), Buffer.alloc(0));
    t.is((await bytesOf('empty', keyOf('k'))).length, 0);
    t.is(await failureOf(get('empty', keyOf('x'))), 'AccessDenied 403');
    t.false(isStoredPlain());
    for await (const { payload } of server.memory.log.read(`objects/${Bucket}/own`, { from: 0 })) {
      const told = Buffer.from(payload).toString('latin1');
      for (const secret of ['k'.repeat(32), Buffer.from('k'.repeat(32)).toString('base64'), md5(PLAIN)]) {
        t.false(told.includes(secret));
      }
    }
  },
);

test.serial('what a customer has encrypted is for who has the key', async (t) => {
  await put('locked', keyOf('k'));
  await put('open');
  t.is(await failureOf(get('locked')), 'InvalidRequest 400');
  t.is(await failureOf(get('locked', keyOf('x'))), 'AccessDenied 403');
  t.is(await failureOf(get('open', keyOf('k'))), 'InvalidRequest 400');
  t.regex(await failureOf(head('locked')), /400$/);
  t.regex(await failureOf(head('locked', keyOf('x'))), /403$/);
  const attributes = { Bucket, Key: 'locked', ObjectAttributes: ['ObjectSize' as const] };
  t.is(await failureOf(s3.send(new GetObjectAttributesCommand(attributes))), 'InvalidRequest 400');
  const known = await s3.send(new GetObjectAttributesCommand({ ...attributes, ...keyOf('k') }));
  t.is(known.ObjectSize, PLAIN.length);
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'locked', Tagging: { TagSet: [] } }));
  t.deepEqual(await bytesOf('locked', keyOf('k')), PLAIN);
});

test.serial('what cannot be is refused', async (t) => {
  const customer = 'x-amz-server-side-encryption-customer-';
  const whole: Record<string, string> = {
    [`${customer}algorithm`]: 'AES256',
    [`${customer}key`]: Buffer.from('k'.repeat(32)).toString('base64'),
    [`${customer}key-md5`]: md5('k'.repeat(32), 'base64'),
  };
  const putting = async (headers: Record<string, string>) =>
    errorOf(await server.raw({ method: 'PUT', path: `/${Bucket}/refused`, headers, body: 'x' }));
  for (const name of Object.keys(whole)) {
    const { [name]: _left, ...rest } = whole;
    t.is(await putting(rest), 'InvalidArgument 400', name);
  }
  t.is(await putting({ ...whole, [`${customer}key-md5`]: md5('x', 'base64') }), 'InvalidArgument 400');
  t.is(await putting({ ...whole, [`${customer}key`]: 'c2hvcnQ=' }), 'InvalidArgument 400');
  const other = { ...whole, [`${customer}algorithm`]: 'AES128' };
  t.is(await putting(other), 'InvalidEncryptionAlgorithmError 400');
  const both = { ...whole, 'x-amz-server-side-encryption': 'AES256' };
  t.is(await putting(both), 'InvalidArgument 400');
  t.is(await putting({ 'x-amz-server-side-encryption': 'aes' }), 'InvalidArgument 400');
  t.is(await putting({ 'x-amz-server-side-encryption': 'aws:kms' }), 'NotImplemented 501');
  const reading = {
    method: 'GET',
    path: `/${Bucket}/refused`,
    headers: { 'x-amz-server-side-encryption': 'AES256' },
  };
  await put('refused');
  t.is(errorOf(await server.raw(reading)), 'InvalidArgument 400');
});

test.serial('copies are opened by one key and closed by another', async (t) => {
  await put('from', keyOf('k'));
  t.is(await failureOf(copy('to', 'from')), 'InvalidRequest 400');
  t.is(await failureOf(copy('to', 'from', asSource('x'))), 'AccessDenied 403');
  const made = await copy('to', 'from', { ...asSource('k'), ...keyOf('z') });
  t.is(made.SSECustomerKeyMD5, keyOf('z').SSECustomerKeyMD5);
  t.deepEqual(await bytesOf('to', keyOf('z')), PLAIN);
  t.is((await copy('to', 'from', { ...asSource('k'), ...AES256 })).ServerSideEncryption, 'AES256');
  t.deepEqual(await bytesOf('to'), PLAIN);
  t.is(await failureOf(copy('to', 'to')), 'InvalidRequest 400');
  t.is((await copy('to', 'to', AES256)).ServerSideEncryption, 'AES256');
  t.deepEqual(await bytesOf('to'), PLAIN);
});

test.serial('parts of an upload are under one key, and ranges go across them', async (t) => {
  const bodies = [Buffer.alloc(PART_BYTES, 'plain as day '), PLAIN];
  const whole = Buffer.concat(bodies);
  const Range = `bytes=${PART_BYTES - 5}-${PART_BYTES + 20}`;
  for (const [Key, more, key] of [
    ['many', AES256, {}],
    ['many-own', keyOf('k'), keyOf('k')],
  ] as const) {
    await upload(Key, more, key, bodies);
    t.true((await bytesOf(Key, key)).equals(whole), Key);
    t.deepEqual(await bytesOf(Key, { ...key, Range }), whole.subarray(PART_BYTES - 5, PART_BYTES + 21));
    t.deepEqual(await bytesOf(Key, { ...key, PartNumber: 2 }), PLAIN);
  }
  t.is(await failureOf(upload('y', keyOf('k'), {}, [PLAIN])), 'InvalidRequest 400');
  t.is(await failureOf(upload('y', keyOf('k'), keyOf('x'), [PLAIN])), 'InvalidRequest 400');
  t.is(await failureOf(upload('y', {}, keyOf('x'), [PLAIN])), 'InvalidRequest 400');
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'y', ...AES256 }));
  const part = { Bucket, Key: 'y', UploadId, PartNumber: 1, CopySource: `${Bucket}/many-own` };
  const copied = await s3.send(
    new UploadPartCopyCommand({ ...part, ...asSource('k'), CopySourceRange: 'bytes=1-99' }),
  );
  t.is(copied.ServerSideEncryption, 'AES256');
  const Parts = [{ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }];
  const ended = { Bucket, Key: 'y', UploadId, MultipartUpload: { Parts } };
  t.is((await s3.send(new CompleteMultipartUploadCommand(ended))).ServerSideEncryption, 'AES256');
  t.deepEqual(await bytesOf('y'), whole.subarray(1, 100));
});

test.serial('a bucket encrypts what is put into it without a word', async (t) => {
  const there = { Bucket: 'default' };
  const asked = new GetBucketEncryptionCommand(there);
  const missing = 'ServerSideEncryptionConfigurationNotFoundError 404';
  t.is(await failureOf(s3.send(asked)), missing);
  const set = (...Rules: ServerSideEncryptionRule[]) =>
    s3.send(new PutBucketEncryptionCommand({ ...there, ServerSideEncryptionConfiguration: { Rules } }));
  const rule = {
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
    BucketKeyEnabled: false,
  } as const;
  t.is(await failureOf(set()), 'MalformedXML 400');
  t.is(await failureOf(set({ BucketKeyEnabled: true })), 'MalformedXML 400');
  const kms = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } } as const;
  t.is(await failureOf(set(kms)), 'NotImplemented 501');
  const named = {
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256', KMSMasterKeyID: 'x' },
  } as const;
  t.is(await failureOf(set(named)), 'InvalidArgument 400');
  await set(rule);
  t.deepEqual((await s3.send(asked)).ServerSideEncryptionConfiguration?.Rules, [rule]);
  const made = await s3.send(new PutObjectCommand({ ...there, Key: 'k', Body: PLAIN }));
  t.is(made.ServerSideEncryption, 'AES256');
  t.is((await s3.send(new HeadObjectCommand({ ...there, Key: 'k' }))).ServerSideEncryption, 'AES256');
  const started = await s3.send(new CreateMultipartUploadCommand({ ...there, Key: 'm' }));
  t.is(started.ServerSideEncryption, 'AES256');
  const copied = await s3.send(new CopyObjectCommand({ ...there, Key: 'c', CopySource: 'default/k' }));
  t.is(copied.ServerSideEncryption, 'AES256');
  await s3.send(new DeleteBucketEncryptionCommand(there));
  t.is(await failureOf(s3.send(asked)), missing);
  const plain = await s3.send(new PutObjectCommand({ ...there, Key: 'k', Body: 'seen' }));
  t.is(plain.ServerSideEncryption, undefined);
});

test.serial('a new key of a bucket seals what is there anew, and nothing is younger for it', async (t) => {
  const rotated = 'rotated';
  const { keyKeeper, cloud, accounts } = server.memory;
  await s3.send(new CreateBucketCommand({ Bucket: rotated }));
  const account = (await accounts.listAccounts()).find(({ name }) => name === 'owner');
  const caller = { accountId: account?.accountId ?? '', role: 'admin', requestId: 'test' } as const;
  const keysOf = async (key: string) => {
    const object = await cloud.objects.get(caller, rotated, key);
    if ('rejected' in object) throw new Error(object.rejected);
    return object.segments.map(({ sealedKey }) => sealedKey?.split(' ')[0]);
  };
  const there = { Bucket: rotated, Body: PLAIN };
  await s3.send(new PutObjectCommand({ ...there, ...AES256, Key: 'cloud' }));
  await s3.send(new PutObjectCommand({ ...there, ...keyOf('k'), Key: 'own' }));
  await s3.send(new PutObjectCommand({ ...there, Key: 'plain' }));
  const before = await s3.send(new HeadObjectCommand({ Bucket: rotated, Key: 'cloud' }));
  const [old] = await keysOf('cloud');
  server.memory.clock.advance(60_000);
  t.is(await keyKeeper.rotate(rotated), undefined);
  t.deepEqual(await keyKeeper.rotate('nowhere'), { rejected: 'no-such-bucket' });
  await s3.send(new PutObjectCommand({ ...there, ...AES256, Key: 'later' }));
  t.deepEqual(await keysOf('cloud'), [old], 'it is readable under the key before until it is its turn');
  t.deepEqual(await keyKeeper.runOnce(), { scanned: 4, resealed: 1 });
  const [fresh] = await keysOf('cloud');
  t.not(fresh, old);
  t.deepEqual(await keysOf('later'), [fresh]);
  t.deepEqual(await keysOf('own'), ['customer']);
  const after = await s3.send(new HeadObjectCommand({ Bucket: rotated, Key: 'cloud' }));
  t.deepEqual([after.ETag, after.LastModified], [before.ETag, before.LastModified]);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: rotated, Key: 'cloud' }));
  t.deepEqual(Buffer.from((await Body?.transformToByteArray()) ?? []), PLAIN);
  t.deepEqual(await keyKeeper.runOnce(), { scanned: 4, resealed: 0 });
  t.deepEqual(await keyKeeper.runOnce(), { scanned: 0, resealed: 0 });
});
