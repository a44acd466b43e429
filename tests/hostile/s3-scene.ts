// Owns what an attack on S3 finds, and the proof that what was not the attacker's is as it was.

import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { AccessKey } from '#tests/support/signed-requests.ts';
import { KEYS, PROBED, type S3Scene, SENTINEL } from './s3-dialect.ts';

const [BUCKET, PROBE_BUCKET, SENTINEL_BUCKET] = ['hostile', 'probed', 'sentinel'] as const;
const SENTINELS = 16;

export interface Parties {
  readonly host: string;
  /** Of the attacker. */
  readonly key: AccessKey;
  readonly attacker: S3Client;
  /** Who has the sentinel. */
  readonly other: S3Client;
}

export async function setScene({ host, key, attacker, other }: Parties): Promise<S3Scene> {
  await other.send(new CreateBucketCommand({ Bucket: SENTINEL_BUCKET }));
  for (let index = 0; index < SENTINELS; index++) {
    const Body = `${SENTINEL}: ${index}`;
    await other.send(new PutObjectCommand({ Bucket: SENTINEL_BUCKET, Key: `s${index}`, Body }));
  }
  for (const Bucket of [BUCKET, PROBE_BUCKET]) await attacker.send(new CreateBucketCommand({ Bucket }));
  await attacker.send(new PutObjectCommand({ Bucket: PROBE_BUCKET, Key: 'p', Body: PROBED }));
  for (let index = 0; index < KEYS; index++) {
    await attacker.send(new PutObjectCommand({ Bucket: BUCKET, Key: `k${index}`, Body: `content ${index}` }));
  }
  const upload = { Bucket: BUCKET, Key: 'k0' };
  const { UploadId } = await attacker.send(new CreateMultipartUploadCommand(upload));
  for (const PartNumber of [1, 2]) {
    await attacker.send(new UploadPartCommand({ ...upload, UploadId, PartNumber, Body: 'part' }));
  }
  return {
    ...{ host, key, bucket: BUCKET, probeBucket: PROBE_BUCKET, sentinelBucket: SENTINEL_BUCKET },
    uploadId: UploadId ?? '',
  };
}

/** What was changed of what is not the attacker's. */
export async function changesOf(other: S3Client): Promise<string[]> {
  const changes: string[] = [];
  const { Buckets = [] } = await other.send(new ListBucketsCommand({}));
  const buckets = Buckets.map(({ Name }) => Name).join(' ');
  if (buckets !== SENTINEL_BUCKET) changes.push(`the buckets are ${buckets}`);
  const { Contents = [] } = await other.send(new ListObjectsV2Command({ Bucket: SENTINEL_BUCKET }));
  const keys = Contents.map(({ Key }) => Key as string).sort();
  const wanted = Array.from({ length: SENTINELS }, (_, index) => `s${index}`).sort();
  if (keys.join(' ') !== wanted.join(' ')) changes.push(`the objects are ${keys.join(' ')}`);
  for (const Key of keys) {
    const { Body } = await other.send(new GetObjectCommand({ Bucket: SENTINEL_BUCKET, Key }));
    const content = await Body?.transformToString();
    if (content !== `${SENTINEL}: ${Key.slice(1)}`) changes.push(`${Key} is ${content}`);
  }
  return changes;
}
