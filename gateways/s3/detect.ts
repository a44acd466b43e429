// Owns which operation a request means. Every subresource that S3 knows stands in a table, built or not: what
// is not built is answered NotImplemented by its own name. Parameters that S3 does not know are ignored, as
// S3 does.

import { isVersion } from '#services/versioning.ts';
import type { Query } from './call.ts';
import { invalidArgument, invalidVersion, S3Error } from './errors.ts';

/** The operations that are built. */
export type OperationName =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'DeleteBucket'
  | 'GetBucketLocation'
  | 'GetBucketVersioning'
  | 'PutBucketVersioning'
  | 'ListObjectVersions'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'
  | 'ListMultipartUploads'
  | 'PostObject'
  | 'GetObjectAttributes'
  | 'RestoreObject'
  | 'GetBucketRequestPayment'
  | 'PutBucketRequestPayment'
  | 'GetBucketAccelerateConfiguration'
  | 'PutBucketAccelerateConfiguration'
  | 'GetBucketPolicy'
  | 'PutBucketPolicy'
  | 'DeleteBucketPolicy'
  | 'GetBucketPolicyStatus'
  | 'GetPublicAccessBlock'
  | 'PutPublicAccessBlock'
  | 'DeletePublicAccessBlock'
  | 'GetBucketOwnershipControls'
  | 'PutBucketOwnershipControls'
  | 'DeleteBucketOwnershipControls'
  | 'GetBucketAcl'
  | 'PutBucketAcl'
  | 'GetObjectAcl'
  | 'PutObjectAcl'
  | 'GetBucketCors'
  | 'PutBucketCors'
  | 'DeleteBucketCors'
  | 'GetBucketEncryption'
  | 'PutBucketEncryption'
  | 'DeleteBucketEncryption'
  | 'GetBucketWebsite'
  | 'PutBucketWebsite'
  | 'DeleteBucketWebsite'
  | 'GetBucketLifecycleConfiguration'
  | 'PutBucketLifecycleConfiguration'
  | 'DeleteBucketLifecycle'
  | 'GetBucketNotificationConfiguration'
  | 'PutBucketNotificationConfiguration'
  | 'GetBucketTagging'
  | 'PutBucketTagging'
  | 'DeleteBucketTagging'
  | 'GetObjectTagging'
  | 'PutObjectTagging'
  | 'DeleteObjectTagging';

export const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

interface Unbuilt {
  readonly unbuilt: string;
}

type Methods = { readonly [M in Method]?: OperationName | Unbuilt };
type Subresources = Readonly<Record<string, Methods>>;

const unbuilt = (name: string): Unbuilt => ({ unbuilt: name });

/** The usual three of a configuration, all unbuilt. */
const configuration = (name: string): Methods => ({
  GET: unbuilt(`Get${name}`),
  PUT: unbuilt(`Put${name}`),
  DELETE: unbuilt(`Delete${name}`),
});

const SERVICE: Methods = { GET: 'ListBuckets' };

const BUCKET: Methods = {
  GET: 'ListObjects',
  HEAD: 'HeadBucket',
  PUT: 'CreateBucket',
  DELETE: 'DeleteBucket',
  POST: 'PostObject',
};

const OBJECT: Methods = {
  GET: 'GetObject',
  HEAD: 'HeadObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
};

export const BUCKET_SUBRESOURCES: Subresources = {
  location: { GET: 'GetBucketLocation' },
  uploads: { GET: 'ListMultipartUploads' },
  delete: { POST: 'DeleteObjects' },
  abac: configuration('BucketAbac'),
  accelerate: { GET: 'GetBucketAccelerateConfiguration', PUT: 'PutBucketAccelerateConfiguration' },
  acl: { GET: 'GetBucketAcl', PUT: 'PutBucketAcl' },
  analytics: configuration('BucketAnalyticsConfiguration'),
  cors: { GET: 'GetBucketCors', PUT: 'PutBucketCors', DELETE: 'DeleteBucketCors' },
  encryption: {
    GET: 'GetBucketEncryption',
    PUT: 'PutBucketEncryption',
    DELETE: 'DeleteBucketEncryption',
  },
  'intelligent-tiering': configuration('BucketIntelligentTieringConfiguration'),
  inventory: configuration('BucketInventoryConfiguration'),
  lifecycle: {
    GET: 'GetBucketLifecycleConfiguration',
    PUT: 'PutBucketLifecycleConfiguration',
    DELETE: 'DeleteBucketLifecycle',
  },
  logging: configuration('BucketLogging'),
  metadataConfiguration: {
    ...configuration('BucketMetadataConfiguration'),
    POST: unbuilt('CreateBucketMetadata'),
  },
  metadataInventoryTable: configuration('BucketMetadataInventoryTableConfiguration'),
  metadataJournalTable: configuration('BucketMetadataJournalTableConfiguration'),
  metadataTable: { ...configuration('BucketMetadataTable'), POST: unbuilt('CreateBucketMetadataTable') },
  metrics: configuration('BucketMetricsConfiguration'),
  notification: { GET: 'GetBucketNotificationConfiguration', PUT: 'PutBucketNotificationConfiguration' },
  'object-lock': configuration('ObjectLockConfiguration'),
  ownershipControls: {
    GET: 'GetBucketOwnershipControls',
    PUT: 'PutBucketOwnershipControls',
    DELETE: 'DeleteBucketOwnershipControls',
  },
  policy: { GET: 'GetBucketPolicy', PUT: 'PutBucketPolicy', DELETE: 'DeleteBucketPolicy' },
  policyStatus: { GET: 'GetBucketPolicyStatus' },
  publicAccessBlock: {
    GET: 'GetPublicAccessBlock',
    PUT: 'PutPublicAccessBlock',
    DELETE: 'DeletePublicAccessBlock',
  },
  replication: configuration('BucketReplication'),
  requestPayment: { GET: 'GetBucketRequestPayment', PUT: 'PutBucketRequestPayment' },
  session: { GET: unbuilt('CreateSession') },
  tagging: { GET: 'GetBucketTagging', PUT: 'PutBucketTagging', DELETE: 'DeleteBucketTagging' },
  versioning: { GET: 'GetBucketVersioning', PUT: 'PutBucketVersioning' },
  versions: { GET: 'ListObjectVersions' },
  website: { GET: 'GetBucketWebsite', PUT: 'PutBucketWebsite', DELETE: 'DeleteBucketWebsite' },
};

export const OBJECT_SUBRESOURCES: Subresources = {
  uploads: { POST: 'CreateMultipartUpload' },
  uploadId: {
    GET: 'ListParts',
    PUT: 'UploadPart',
    POST: 'CompleteMultipartUpload',
    DELETE: 'AbortMultipartUpload',
  },
  acl: { GET: 'GetObjectAcl', PUT: 'PutObjectAcl' },
  attributes: { GET: 'GetObjectAttributes' },
  encryption: { PUT: unbuilt('UpdateObjectEncryption') },
  'legal-hold': configuration('ObjectLegalHold'),
  renameObject: { PUT: unbuilt('RenameObject') },
  restore: { POST: 'RestoreObject' },
  retention: configuration('ObjectRetention'),
  select: { POST: unbuilt('SelectObjectContent') },
  tagging: { GET: 'GetObjectTagging', PUT: 'PutObjectTagging', DELETE: 'DeleteObjectTagging' },
  torrent: { GET: unbuilt('GetObjectTorrent') },
};

/** What of a request decides its operation. */
export interface Detectable {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: Query;
  readonly copies: boolean;
}

/** @throws S3Error NotImplemented, MethodNotAllowed, InvalidArgument */
export function detect(request: Detectable): OperationName {
  const { bucket, key, query } = request;
  if (bucket === '') return choose(SERVICE, request, 'SERVICE');
  if (key === '') {
    const row = subresource(BUCKET_SUBRESOURCES, query);
    if (row) return choose(row.methods, request, row.name);
    const operation = choose(BUCKET, request, 'BUCKET');
    return operation === 'ListObjects' ? listVersion(query) : operation;
  }
  const row = subresource(OBJECT_SUBRESOURCES, query);
  const operation = row ? choose(row.methods, request, row.name) : choose(OBJECT, request, 'OBJECT');
  if (query.parameters.length > 0) checkVersion(query, operation);
  if (operation === 'PutObject') {
    if (query.has('partNumber')) {
      throw new S3Error('InvalidArgument', 'This operation does not accept a query-string.', {
        ArgumentName: 'ResourceType',
        ArgumentValue: 'partNumber',
      });
    }
    return request.copies ? 'CopyObject' : operation;
  }
  return operation === 'UploadPart' && request.copies ? 'UploadPartCopy' : operation;
}

function subresource(table: Subresources, query: Query): { methods: Methods; name: string } | undefined {
  for (const [name] of query.parameters) {
    const methods = Object.hasOwn(table, name) ? table[name] : undefined;
    if (methods) return { methods, name };
  }
  return undefined;
}

function choose(methods: Methods, request: Detectable, resource: string): OperationName {
  const { method } = request;
  const operation = Object.hasOwn(methods, method) ? methods[method as Method] : undefined;
  if (operation === undefined) {
    throw new S3Error(
      'MethodNotAllowed',
      undefined,
      { Method: method, ResourceType: resource.toUpperCase() },
      ['Allow', Object.keys(methods).join(', ')],
    );
  }
  if (typeof operation === 'string') return operation;
  throw new S3Error('NotImplemented', `${operation.unbuilt} is not implemented.`, {
    Operation: operation.unbuilt,
  });
}

function listVersion(query: Query): OperationName {
  const type = query.get('list-type');
  if (type === undefined || type === '1') return 'ListObjects';
  if (type === '2') return 'ListObjectsV2';
  throw new S3Error('InvalidArgument', 'Invalid List Type', {
    ArgumentName: 'list-type',
    ArgumentValue: type,
  });
}

const OF_VERSIONS: readonly OperationName[] = [
  ...(['GetObject', 'HeadObject', 'DeleteObject', 'GetObjectAcl'] as const),
  ...(['GetObjectTagging', 'GetObjectAttributes'] as const),
];
/** Of versions too, but built for the newest alone. */
const OF_NEWEST: readonly OperationName[] = [
  ...(['PutObjectAcl', 'PutObjectTagging', 'DeleteObjectTagging', 'RestoreObject'] as const),
];

/** @throws S3Error InvalidArgument where it can name no version, or the operation is of none */
function checkVersion(query: Query, operation: OperationName): void {
  const versionId = query.get('versionId');
  if (versionId === undefined) return;
  if (versionId === '') throw new S3Error('InvalidArgument', 'Version id cannot be the empty string');
  if (!isVersion(versionId)) throw invalidVersion(versionId);
  if (OF_VERSIONS.includes(operation)) return;
  if (OF_NEWEST.includes(operation)) {
    throw new S3Error('NotImplemented', undefined, { Parameter: 'versionId' });
  }
  throw invalidArgument('versionId', versionId, 'This operation does not accept a version-id.');
}
