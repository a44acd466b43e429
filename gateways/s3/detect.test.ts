// Owns the proof of the routes: each request is the operation that S3 would take it for.

import test from 'ava';
import { Query } from './call.ts';
import { detect } from './detect.ts';
import { S3Error } from './errors.ts';

/** `PUT /b/k?uploadId=1` -> operation, or the error's code. */
function route(line: string, copies = false): string {
  const [method = '', target = ''] = line.split(' ');
  const [path = '', rawQuery = ''] = target.split('?');
  const [, bucket = '', key = ''] = path.split('/');
  const parameters = [...new URLSearchParams(rawQuery)];
  try {
    return detect({ method, bucket, key, query: new Query(parameters), copies });
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return [error.code, error.details.Operation ?? error.headers[1]].filter(Boolean).join(' ');
  }
}

const ROUTES: Readonly<Record<string, string>> = {
  'GET /': 'ListBuckets',
  'POST /': 'MethodNotAllowed GET',
  'GET /b': 'ListObjects',
  'GET /b?list-type=2&prefix=x': 'ListObjectsV2',
  'GET /b?list-type=3': 'InvalidArgument',
  'GET /b?something=unknown': 'ListObjects',
  'GET /b?location': 'GetBucketLocation',
  'GET /b?uploads': 'ListMultipartUploads',
  'PUT /b': 'CreateBucket',
  'HEAD /b': 'HeadBucket',
  'DELETE /b': 'DeleteBucket',
  'POST /b?delete': 'DeleteObjects',
  'GET /b?delete': 'MethodNotAllowed POST',
  'POST /b': 'PostObject',
  'PATCH /b': 'MethodNotAllowed GET, HEAD, PUT, DELETE, POST',
  'GET /b/k': 'GetObject',
  'GET /b/k?partNumber=1': 'GetObject',
  'GET /b/k?x-id=GetObject': 'GetObject',
  'GET /b/k?versionId=null': 'GetObject',
  'GET /b/k?versionId=abc': 'InvalidArgument',
  [`DELETE /b/k?versionId=${'0f'.repeat(16)}`]: 'DeleteObject',
  'PUT /b/k?versionId=null': 'InvalidArgument',
  'PUT /b?versioning': 'PutBucketVersioning',
  'DELETE /b?versioning': 'MethodNotAllowed GET, PUT',
  'GET /b?versions&prefix=a': 'ListObjectVersions',
  'GET /b/k?versionId=': 'InvalidArgument',
  'HEAD /b/k': 'HeadObject',
  'PUT /b/k': 'PutObject',
  'PUT /b/k?partNumber=1': 'InvalidArgument',
  'DELETE /b/k': 'DeleteObject',
  'POST /b/k': 'MethodNotAllowed GET, HEAD, PUT, DELETE',
  'POST /b/k?uploads': 'CreateMultipartUpload',
  'PUT /b/k?partNumber=1&uploadId=u': 'UploadPart',
  'GET /b/k?uploadId=u': 'ListParts',
  'POST /b/k?uploadId=u': 'CompleteMultipartUpload',
  'DELETE /b/k?uploadId=u': 'AbortMultipartUpload',
};

for (const [line, expected] of Object.entries(ROUTES)) {
  test(`${line} is ${expected}`, (t) => t.is(route(line), expected));
}

test('a copy source makes a copy of a put', (t) => {
  t.is(route('PUT /b/k', true), 'CopyObject');
  t.is(route('PUT /b/k?partNumber=1&uploadId=u', true), 'UploadPartCopy');
});

const UNBUILT =
  'abac analytics intelligent-tiering inventory logging metadataConfiguration metadataTable metrics ' +
  'object-lock replication session';

test('what is not built of buckets and objects says so by its own name', (t) => {
  for (const name of UNBUILT.split(' ')) t.regex(route(`GET /b?${name}`), /^NotImplemented \w+/, name);
  for (const name of ['retention', 'legal-hold', 'torrent']) {
    t.regex(route(`GET /b/k?${name}`), /^NotImplemented Get\w+/, name);
  }
  t.regex(route('POST /b/k?select&select-type=2'), /^NotImplemented/);
  t.is(route('PUT /b?replication'), 'NotImplemented PutBucketReplication');
});
