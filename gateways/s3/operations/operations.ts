// Owns the table of operations: what each needs, and which function carries it out. A new operation does not
// compile until it has its row; dispatch.ts judges the row before it runs the operation.

import type { Permission } from '#services/permissions.ts';
import type { S3Call } from '../call.ts';
import type { OperationName } from '../detect.ts';
import { bucketTags } from '../settings/bucket-tags.ts';
import { crossOrigin } from '../settings/cross-origin.ts';
import { encryption } from '../settings/encryption.ts';
import { lifecycle } from '../settings/lifecycle.ts';
import { notification } from '../settings/notification.ts';
import { ownership } from '../settings/ownership.ts';
import { publicAccessBlock } from '../settings/public-access-block.ts';
import { deleting, getting, putting } from '../settings/setting.ts';
import { acceleration, requestPayment } from '../settings/switches.ts';
import { website } from '../settings/website.ts';
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from './access-lists.ts';
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './bucket-policy.ts';
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './buckets.ts';
import { completeMultipartUpload } from './complete-upload.ts';
import { copyObject, uploadPartCopy } from './copy-object.ts';
import { deleteObjects } from './delete-objects.ts';
import { listObjects, listObjectsV2 } from './list-objects.ts';
import { getObjectAttributes } from './object-attributes.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './object-tags.ts';
import { deleteOwnershipControls, putOwnershipControls } from './ownership-controls.ts';
import { postWithoutForm } from './post-object.ts';
import { getObject, headObject } from './read-object.ts';
import { restoreObject } from './restore-object.ts';
import {
  abortMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
} from './uploads.ts';
import { getBucketVersioning, listObjectVersions, putBucketVersioning } from './versions.ts';
import { deleteObject, putObject } from './write-object.ts';

export interface Operation {
  /** Of the caller, at the bucket that the request names. */
  readonly needs: Permission;
  /** Answers the call, or throws what dispatch answers as an error. */
  readonly run: (call: S3Call) => Promise<void>;
}

export const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  ListBuckets: { needs: 'list-buckets', run: listBuckets },
  CreateBucket: { needs: 'make-bucket', run: createBucket },
  HeadBucket: { needs: 'read-bucket', run: headBucket },
  DeleteBucket: { needs: 'delete-bucket', run: deleteBucket },
  GetBucketLocation: { needs: 'read-bucket', run: getBucketLocation },
  GetBucketVersioning: { needs: 'read-bucket', run: getBucketVersioning },
  PutBucketVersioning: { needs: 'describe-bucket', run: putBucketVersioning },
  ListObjectVersions: { needs: 'read-bucket', run: listObjectVersions },
  ListObjects: { needs: 'read-bucket', run: listObjects },
  ListObjectsV2: { needs: 'read-bucket', run: listObjectsV2 },
  DeleteObjects: { needs: 'write-objects', run: deleteObjects },
  GetObject: { needs: 'read-objects', run: getObject },
  HeadObject: { needs: 'read-objects', run: headObject },
  PutObject: { needs: 'write-objects', run: putObject },
  // The reading of a source is judged at the source's bucket, where it is opened.
  CopyObject: { needs: 'write-objects', run: copyObject },
  DeleteObject: { needs: 'write-objects', run: deleteObject },
  CreateMultipartUpload: { needs: 'write-objects', run: createMultipartUpload },
  UploadPart: { needs: 'write-objects', run: uploadPart },
  UploadPartCopy: { needs: 'write-objects', run: uploadPartCopy },
  CompleteMultipartUpload: { needs: 'write-objects', run: completeMultipartUpload },
  AbortMultipartUpload: { needs: 'write-objects', run: abortMultipartUpload },
  ListParts: { needs: 'read-bucket', run: listParts },
  ListMultipartUploads: { needs: 'read-bucket', run: listMultipartUploads },
  // A browser's form says itself who sent it: dispatch.ts hands it to postForm.
  PostObject: { needs: 'write-objects', run: postWithoutForm },
  GetObjectAttributes: { needs: 'read-objects', run: getObjectAttributes },
  RestoreObject: { needs: 'write-objects', run: restoreObject },
  GetBucketRequestPayment: { needs: 'read-bucket', run: getting(requestPayment) },
  PutBucketRequestPayment: { needs: 'describe-bucket', run: putting(requestPayment) },
  GetBucketAccelerateConfiguration: { needs: 'read-bucket', run: getting(acceleration) },
  PutBucketAccelerateConfiguration: { needs: 'describe-bucket', run: putting(acceleration) },
  // Who may do what is shown to those alone who may change it.
  GetBucketPolicy: { needs: 'describe-bucket', run: getBucketPolicy },
  PutBucketPolicy: { needs: 'describe-bucket', run: putBucketPolicy },
  DeleteBucketPolicy: { needs: 'describe-bucket', run: deleteBucketPolicy },
  GetBucketPolicyStatus: { needs: 'describe-bucket', run: getBucketPolicyStatus },
  GetPublicAccessBlock: { needs: 'describe-bucket', run: getting(publicAccessBlock) },
  PutPublicAccessBlock: { needs: 'describe-bucket', run: putting(publicAccessBlock) },
  DeletePublicAccessBlock: { needs: 'describe-bucket', run: deleting(publicAccessBlock) },
  GetBucketOwnershipControls: { needs: 'describe-bucket', run: getting(ownership) },
  PutBucketOwnershipControls: { needs: 'describe-bucket', run: putOwnershipControls },
  DeleteBucketOwnershipControls: { needs: 'describe-bucket', run: deleteOwnershipControls },
  GetBucketAcl: { needs: 'describe-bucket', run: getBucketAcl },
  PutBucketAcl: { needs: 'describe-bucket', run: putBucketAcl },
  GetObjectAcl: { needs: 'write-objects', run: getObjectAcl },
  PutObjectAcl: { needs: 'write-objects', run: putObjectAcl },
  GetBucketCors: { needs: 'read-bucket', run: getting(crossOrigin) },
  PutBucketCors: { needs: 'describe-bucket', run: putting(crossOrigin) },
  DeleteBucketCors: { needs: 'describe-bucket', run: deleting(crossOrigin) },
  GetBucketEncryption: { needs: 'describe-bucket', run: getting(encryption) },
  PutBucketEncryption: { needs: 'describe-bucket', run: putting(encryption) },
  DeleteBucketEncryption: { needs: 'describe-bucket', run: deleting(encryption) },
  GetBucketWebsite: { needs: 'read-bucket', run: getting(website) },
  PutBucketWebsite: { needs: 'describe-bucket', run: putting(website) },
  DeleteBucketWebsite: { needs: 'describe-bucket', run: deleting(website) },
  GetBucketLifecycleConfiguration: { needs: 'read-bucket', run: getting(lifecycle) },
  PutBucketLifecycleConfiguration: { needs: 'describe-bucket', run: putting(lifecycle) },
  DeleteBucketLifecycle: { needs: 'describe-bucket', run: deleting(lifecycle) },
  GetBucketNotificationConfiguration: { needs: 'read-bucket', run: getting(notification) },
  PutBucketNotificationConfiguration: { needs: 'describe-bucket', run: putting(notification) },
  GetBucketTagging: { needs: 'read-bucket', run: getting(bucketTags) },
  PutBucketTagging: { needs: 'describe-bucket', run: putting(bucketTags) },
  DeleteBucketTagging: { needs: 'describe-bucket', run: deleting(bucketTags) },
  GetObjectTagging: { needs: 'read-objects', run: getObjectTagging },
  PutObjectTagging: { needs: 'write-objects', run: putObjectTagging },
  DeleteObjectTagging: { needs: 'write-objects', run: deleteObjectTagging },
};
