// Owns the operations on buckets themselves.

import { limits } from '#core/kernel/limits.ts';
import type { Tags } from '#core/objects/objects.events.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { isSharedName } from '#services/bucket-names.ts';
import { acceptBucket, documentBody, errorFor, type S3Call } from '../call.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { answerHeaders, isoDate, replyEmpty, replyXml } from '../reply.ts';
import { bucketTags } from '../settings/bucket-tags.ts';
import { change } from '../settings/setting.ts';
import { bucketTagsIn } from '../tags.ts';
import { readXml, S3_NAMESPACE, XmlWriter } from '../xml.ts';

/** The region whose name S3 writes as nothing, and where creating one's own bucket again succeeds. */
const CLASSIC_REGION = 'us-east-1';
const REGION_NAME = /^([a-z]{2}(-[a-z]+)+-\d|EU)$/;
const MAX_BUCKETS = 10_000;

export async function listBuckets(call: S3Call): Promise<void> {
  const { query, caller, gateway } = call;
  const asked = query.get('max-buckets');
  const limit = asked === undefined ? limits.s3BucketsPerAccount : maxBucketsOf(asked);
  const prefix = query.get('prefix') ?? '';
  const token = query.get('continuation-token');
  const region = query.get('bucket-region');
  const after = token === undefined ? beforePrefix(prefix) : afterToken(token);
  const found =
    region === undefined || region === gateway.region
      ? await gateway.cloud.buckets.list(caller, after, limit + 1)
      : [];
  const matching = found.filter((bucket) => bucket.name.startsWith(prefix));
  const page = matching.slice(0, limit);
  const owner = gateway.cloud.accounts.owner(caller.accountId);
  const xml = new XmlWriter('ListAllMyBucketsResult').open('Owner').element('ID', owner.canonicalId);
  xml.element('DisplayName', owner.displayName).close('Owner').open('Buckets');
  const paged = asked !== undefined;
  for (const bucket of page) addBucket(xml, bucket, paged);
  xml.close('Buckets');
  const last = page.at(-1);
  if (matching.length > limit && last) xml.element('ContinuationToken', tokenAfter(last.name));
  if (prefix !== '') xml.element('Prefix', prefix);
  replyXml(call, xml.document());
}

function addBucket(xml: XmlWriter, bucket: StoredBucket, paged: boolean): void {
  xml.open('Bucket').element('Name', bucket.name).plain('CreationDate', isoDate(bucket.createdMs));
  if (paged) xml.element('BucketRegion', bucket.region);
  xml.close('Bucket');
}

function maxBucketsOf(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_BUCKETS) {
    throw invalidArgument(
      'max-buckets',
      text,
      `Argument max-buckets must be an integer between 1 and ${MAX_BUCKETS}`,
    );
  }
  return count;
}

/** Sorts directly before all names that begin with `prefix`: `~` is above every character of a name. */
function beforePrefix(prefix: string): string {
  if (prefix === '') return '';
  const last = prefix.charCodeAt(prefix.length - 1);
  return last === 0 ? '' : `${prefix.slice(0, -1)}${String.fromCharCode(last - 1)}~`;
}

function tokenAfter(name: string): string {
  return Buffer.from(`b1:${name}`).toString('base64url');
}

function afterToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('b1:')) {
    throw invalidArgument('continuation-token', token, 'The continuation token provided is incorrect');
  }
  return text.slice(3);
}

export async function createBucket(call: S3Call): Promise<void> {
  const { gateway, bucket } = call;
  if (!isSharedName(bucket)) throw errorFor(call, 'InvalidBucketName');
  const { bytes } = await documentBody(call);
  const { location, tags } = bytes.length === 0 ? NOTHING_SAID : configurationOf(bytes);
  checkLocation(location, gateway.region);
  const outcome = await gateway.cloud.buckets.create(call.caller, bucket, gateway.region);
  const again = 'rejected' in outcome && outcome.rejected === 'bucket-owned-by-caller';
  if (!(again && gateway.region === CLASSIC_REGION)) acceptBucket(call, outcome);
  // Who is not told of both, because it ended in between, asks again.
  if (tags) await change(call, bucketTags, tags);
  replyEmpty(call, 200, [...answerHeaders(call), 'Location', `/${bucket}`]);
}

interface Configuration {
  readonly location: string | undefined;
  readonly tags: Tags | undefined;
}

const NOTHING_SAID: Configuration = { location: undefined, tags: undefined };

function configurationOf(bytes: Uint8Array): Configuration {
  const root = readXml(bytes, 'CreateBucketConfiguration').expect([
    'LocationConstraint',
    'Location',
    'Bucket',
    'Tags',
  ]);
  for (const name of ['Location', 'Bucket']) {
    if (root.child(name)) throw new S3Error('NotImplemented', undefined, { Element: name });
  }
  const tags = root.child('Tags');
  return {
    location: root.textOf('LocationConstraint')?.trim(),
    tags: tags && bucketTagsIn(tags),
  };
}

/** S3 takes no constraint for us-east-1 alone; here naming the gateway's own region is right everywhere. */
function checkLocation(asked: string | undefined, region: string): void {
  if (asked === region || ((asked === undefined || asked === '') && region === CLASSIC_REGION)) return;
  if (asked === undefined || asked === '' || REGION_NAME.test(asked)) {
    throw new S3Error(
      'IllegalLocationConstraintException',
      `The ${asked || 'unspecified'} location constraint is incompatible for the region specific endpoint ` +
        'this request was sent to.',
    );
  }
  throw new S3Error('InvalidLocationConstraint', undefined, { LocationConstraint: asked });
}

export async function headBucket(call: S3Call): Promise<void> {
  const bucket = acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
  replyEmpty(call, 200, [...answerHeaders(call), 'x-amz-bucket-region', bucket.region]);
}

export async function deleteBucket(call: S3Call): Promise<void> {
  acceptBucket(call, await call.gateway.cloud.buckets.delete(call.caller, call.bucket));
  replyEmpty(call, 204);
}

export async function getBucketLocation(call: S3Call): Promise<void> {
  const { region } = acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
  const xml = new XmlWriter('LocationConstraint', S3_NAMESPACE);
  replyXml(call, xml.text(region === CLASSIC_REGION ? '' : region).document());
}
