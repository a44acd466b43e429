// Owns the actions of S3 as policies name them (Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon S3"), which of them each operation is, and what a bucket's policy may say. An
// operation that is added does not compile until it has its action.

import { limits } from '#core/kernel/limits.ts';
import { Pattern, Steps } from '#core/policy/patterns.ts';
import { type Matcher, readPolicy, type Vocabulary } from '#core/policy/policy.ts';
import type { OperationName } from '../detect.ts';

/** What a grant of an access control list lets its grantee do. */
export type Permission = 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';

/** Without the service's prefix. */
export interface OperationAction {
  readonly action: string;
  /** Where a version is named. */
  readonly ofVersion?: string;
  readonly on: 'service' | 'bucket' | 'object';
  /** The grant that lets one do it too, on the list of the bucket or of the object. */
  readonly grant?: Permission;
  readonly grantOf?: 'bucket' | 'object';
  /** Each key that the body names is judged by itself. */
  readonly forEachKey?: true;
}

const bucket = (action: string, grant?: Permission): OperationAction => ({
  ...{ action, on: 'bucket' },
  ...(grant && { grant, grantOf: 'bucket' }),
});
const object = (action: string, grant?: Permission, grantOf: 'bucket' | 'object' = 'object') =>
  ({ action, on: 'object', ...(grant && { grant, grantOf }) }) as const satisfies OperationAction;

const PUT = object('PutObject', 'WRITE', 'bucket');
const DELETE = { ...object('DeleteObject', 'WRITE', 'bucket'), ofVersion: 'DeleteObjectVersion' };
const GET = { ...object('GetObject', 'READ'), ofVersion: 'GetObjectVersion' };
const LIST = bucket('ListBucket', 'READ');

export const ACTIONS: Readonly<Record<OperationName, OperationAction>> = {
  ListBuckets: { action: 'ListAllMyBuckets', on: 'service' },
  CreateBucket: { action: 'CreateBucket', on: 'service' },
  HeadBucket: LIST,
  DeleteBucket: bucket('DeleteBucket'),
  GetBucketLocation: bucket('GetBucketLocation'),
  ListObjects: LIST,
  ListObjectsV2: LIST,
  GetBucketVersioning: bucket('GetBucketVersioning'),
  PutBucketVersioning: bucket('PutBucketVersioning'),
  ListObjectVersions: bucket('ListBucketVersions', 'READ'),
  DeleteObjects: { ...DELETE, forEachKey: true },
  GetObject: GET,
  HeadObject: GET,
  PutObject: PUT,
  CopyObject: PUT,
  DeleteObject: DELETE,
  CreateMultipartUpload: PUT,
  UploadPart: PUT,
  UploadPartCopy: PUT,
  CompleteMultipartUpload: PUT,
  AbortMultipartUpload: object('AbortMultipartUpload', 'WRITE', 'bucket'),
  ListParts: object('ListMultipartUploadParts', 'WRITE', 'bucket'),
  ListMultipartUploads: bucket('ListBucketMultipartUploads', 'READ'),
  PostObject: PUT,
  GetObjectAttributes: {
    ...object('GetObjectAttributes', 'READ'),
    ofVersion: 'GetObjectVersionAttributes',
  },
  RestoreObject: object('RestoreObject'),
  GetBucketRequestPayment: bucket('GetBucketRequestPayment'),
  PutBucketRequestPayment: bucket('PutBucketRequestPayment'),
  GetBucketAccelerateConfiguration: bucket('GetAccelerateConfiguration'),
  PutBucketAccelerateConfiguration: bucket('PutAccelerateConfiguration'),
  GetBucketCors: bucket('GetBucketCORS'),
  PutBucketCors: bucket('PutBucketCORS'),
  DeleteBucketCors: bucket('PutBucketCORS'),
  GetBucketNotificationConfiguration: bucket('GetBucketNotification'),
  PutBucketNotificationConfiguration: bucket('PutBucketNotification'),
  GetBucketTagging: bucket('GetBucketTagging'),
  PutBucketTagging: bucket('PutBucketTagging'),
  DeleteBucketTagging: bucket('PutBucketTagging'),
  GetObjectTagging: { ...object('GetObjectTagging'), ofVersion: 'GetObjectVersionTagging' },
  PutObjectTagging: { ...object('PutObjectTagging'), ofVersion: 'PutObjectVersionTagging' },
  DeleteObjectTagging: { ...object('DeleteObjectTagging'), ofVersion: 'DeleteObjectVersionTagging' },
  GetBucketLifecycleConfiguration: bucket('GetLifecycleConfiguration'),
  PutBucketLifecycleConfiguration: bucket('PutLifecycleConfiguration'),
  DeleteBucketLifecycle: bucket('PutLifecycleConfiguration'),
  GetBucketEncryption: bucket('GetEncryptionConfiguration'),
  PutBucketEncryption: bucket('PutEncryptionConfiguration'),
  DeleteBucketEncryption: bucket('PutEncryptionConfiguration'),
  GetBucketWebsite: bucket('GetBucketWebsite'),
  PutBucketWebsite: bucket('PutBucketWebsite'),
  DeleteBucketWebsite: bucket('DeleteBucketWebsite'),
  GetBucketPolicy: bucket('GetBucketPolicy'),
  PutBucketPolicy: bucket('PutBucketPolicy'),
  DeleteBucketPolicy: bucket('DeleteBucketPolicy'),
  GetBucketPolicyStatus: bucket('GetBucketPolicyStatus'),
  GetPublicAccessBlock: bucket('GetBucketPublicAccessBlock'),
  PutPublicAccessBlock: bucket('PutBucketPublicAccessBlock'),
  DeletePublicAccessBlock: bucket('PutBucketPublicAccessBlock'),
  GetBucketOwnershipControls: bucket('GetBucketOwnershipControls'),
  PutBucketOwnershipControls: bucket('PutBucketOwnershipControls'),
  DeleteBucketOwnershipControls: bucket('PutBucketOwnershipControls'),
  GetBucketAcl: bucket('GetBucketAcl', 'READ_ACP'),
  PutBucketAcl: bucket('PutBucketAcl', 'WRITE_ACP'),
  GetObjectAcl: { ...object('GetObjectAcl', 'READ_ACP'), ofVersion: 'GetObjectVersionAcl' },
  PutObjectAcl: { ...object('PutObjectAcl', 'WRITE_ACP'), ofVersion: 'PutObjectVersionAcl' },
};

/** What a write needs besides, for what its headers ask. */
export const PUT_ACL = object('PutObjectAcl', 'WRITE', 'bucket');
export const PUT_TAGS = object('PutObjectTagging', 'WRITE', 'bucket');

/** An account itself keeps these whatever a policy says, so that nobody is locked out for good. */
export const KEPT_BY_ACCOUNT: ReadonlySet<string> = new Set([
  ...['GetBucketPolicy', 'PutBucketPolicy', 'DeleteBucketPolicy'],
]);

const OBJECT_ACTIONS = [
  ...['AbortMultipartUpload', 'BypassGovernanceRetention', 'DeleteObject', 'DeleteObjectTagging'],
  ...[
    'DeleteObjectVersion',
    'DeleteObjectVersionTagging',
    'GetObject',
    'GetObjectAcl',
    'GetObjectAttributes',
  ],
  ...['GetObjectLegalHold', 'GetObjectRetention', 'GetObjectTagging', 'GetObjectTorrent', 'GetObjectVersion'],
  ...['GetObjectVersionAcl', 'GetObjectVersionAttributes', 'GetObjectVersionForReplication'],
  ...['GetObjectVersionTagging', 'GetObjectVersionTorrent', 'InitiateReplication'],
  ...['ListMultipartUploadParts', 'ObjectOwnerOverrideToBucketOwner', 'PutObject', 'PutObjectAcl'],
  ...['PutObjectLegalHold', 'PutObjectRetention', 'PutObjectTagging', 'PutObjectVersionAcl'],
  ...['PutObjectVersionTagging', 'ReplicateDelete', 'ReplicateObject', 'ReplicateTags', 'RestoreObject'],
  ...['UpdateObjectEncryption'],
];
const BUCKET_ACTIONS = [
  ...['CreateBucket', 'CreateBucketMetadataTableConfiguration', 'DeleteBucket'],
  ...['DeleteBucketMetadataTableConfiguration', 'DeleteBucketPolicy', 'DeleteBucketWebsite'],
  ...['GetAccelerateConfiguration', 'GetAnalyticsConfiguration', 'GetBucketAcl', 'GetBucketCORS'],
  ...['GetBucketAbac', 'PutBucketAbac', 'GetBucketLocation', 'GetBucketLogging'],
  ...['GetBucketMetadataTableConfiguration', 'GetBucketNotification', 'GetBucketObjectLockConfiguration'],
  ...['GetBucketOwnershipControls', 'GetBucketPolicy', 'GetBucketPolicyStatus', 'GetBucketPublicAccessBlock'],
  ...['GetBucketRequestPayment', 'GetBucketTagging', 'GetBucketVersioning', 'GetBucketWebsite'],
  ...['GetEncryptionConfiguration', 'GetIntelligentTieringConfiguration', 'GetInventoryConfiguration'],
  ...['GetLifecycleConfiguration', 'GetMetricsConfiguration', 'GetReplicationConfiguration', 'ListBucket'],
  ...['ListBucketMultipartUploads', 'ListBucketVersions', 'PutAccelerateConfiguration'],
  ...['PutAnalyticsConfiguration', 'PutBucketAcl', 'PutBucketCORS', 'PutBucketLogging'],
  ...['PutBucketNotification', 'PutBucketObjectLockConfiguration', 'PutBucketOwnershipControls'],
  ...['PutBucketPolicy', 'PutBucketPublicAccessBlock', 'PutBucketRequestPayment', 'PutBucketTagging'],
  ...['PutBucketVersioning', 'PutBucketWebsite', 'PutEncryptionConfiguration'],
  ...['PutIntelligentTieringConfiguration', 'PutInventoryConfiguration', 'PutLifecycleConfiguration'],
  ...['PutMetricsConfiguration', 'PutReplicationConfiguration', 'ListTagsForResource', 'TagResource'],
  ...['UntagResource'],
];
const ALL_ACTIONS = [...OBJECT_ACTIONS, ...BUCKET_ACTIONS].map((name) => `s3:${name}`);

const KEYS: ReadonlySet<string> = new Set(
  [
    ...[
      'AccessGrantsInstanceArn',
      'AccessPointNetworkOrigin',
      'authType',
      'BucketTag',
      'DataAccessPointAccount',
    ],
    ...[
      'DataAccessPointArn',
      'delimiter',
      'ExistingObjectTag',
      'if-match',
      'if-none-match',
      'InventoryAccessible',
    ],
    ...[
      'isReplicationPauseRequest',
      'JobSuspendedCause',
      'locationconstraint',
      'max-keys',
      'object-lock-legal-hold',
    ],
    ...[
      'object-lock-mode',
      'object-lock-remaining-retention-days',
      'object-lock-retain-until-date',
      'ObjectCreationOperation',
    ],
    ...['prefix', 'RequestJobOperation', 'RequestJobPriority', 'RequestObjectTag', 'RequestObjectTagKeys'],
    ...['ResourceAccount', 'signatureAge', 'signatureversion', 'TlsVersion', 'VersionId', 'x-amz-acl'],
    ...['x-amz-content-sha256', 'x-amz-copy-source', 'x-amz-grant-full-control', 'x-amz-grant-read'],
    ...['x-amz-grant-read-acp', 'x-amz-grant-write', 'x-amz-grant-write-acp', 'x-amz-metadata-directive'],
    ...[
      'x-amz-object-ownership',
      'x-amz-server-side-encryption',
      'x-amz-server-side-encryption-aws-kms-key-id',
    ],
    ...[
      'x-amz-server-side-encryption-customer-algorithm',
      'x-amz-storage-class',
      'x-amz-website-redirect-location',
    ],
  ].map((name) => `s3:${name.toLowerCase()}`),
);

const ARN_PREFIX = 'arn:aws:s3:::';

export const arnOf = (bucketName: string, key = ''): string =>
  key === '' ? ARN_PREFIX + bucketName : `${ARN_PREFIX}${bucketName}/${key}`;

/** Of the policy of that bucket. */
function vocabularyOf(bucketName: string): Vocabulary {
  return {
    isAction: (pattern) =>
      pattern === '*' || ALL_ACTIONS.some((action) => isLike(pattern.toLowerCase(), action)),
    isResource: (pattern) => pattern === '*' || namesBucket(pattern, bucketName),
    isKey: (key) => key.startsWith('aws:') || KEYS.has(key.split('/', 1)[0] as string),
    refuses: mismatch,
  };
}

export type { MalformedPolicy, Policy } from '#core/policy/policy.ts';

export const readBucketPolicy = (text: string, bucketName: string): ReturnType<typeof readPolicy> =>
  readPolicy(text, vocabularyOf(bucketName));

function isLike(pattern: string, name: string): boolean {
  const rules = { wildcards: true, variables: false } as const;
  const read = Pattern.of(pattern, rules) as Pattern;
  return read.matches(name.toLowerCase(), () => undefined, new Steps(limits.policySteps));
}

/** Whether the part before the first slash can be the bucket's name. */
function namesBucket(pattern: string, bucketName: string): boolean {
  if (!pattern.startsWith(ARN_PREFIX)) return false;
  const [name = ''] = pattern.slice(ARN_PREFIX.length).split('/', 1);
  return isLike(name, bucketName);
}

const isWild = (text: string): boolean => /[*?]/.test(text);

/** Each action that is named must be one that a resource which is named can have. */
function mismatch(actions: Matcher, resources: Matcher): string | undefined {
  if (actions.isInverted || resources.isInverted) return undefined;
  const some = (isOne: (text: string) => boolean) => resources.texts.some(isOne);
  const atObjects = some((text) => text.includes('/') || isWild(text));
  const atBuckets = some((text) => !text.includes('/'));
  for (const text of actions.texts) {
    if (text === '*') continue;
    const pattern = text.toLowerCase();
    const fits = (names: readonly string[]) => names.some((name) => isLike(pattern, `s3:${name}`));
    if ((atObjects && fits(OBJECT_ACTIONS)) || (atBuckets && fits(BUCKET_ACTIONS))) continue;
    return 'Action does not apply to any resource(s) in statement';
  }
  return undefined;
}
