// Owns requests for tests of S3's signatures: those worked out in Amazon's documentation, in the shape in
// which node:http hands them out, and the account that signed them.

import { ManualClock } from '#core/kernel/clock.ts';
import type { AuthenticationContext, SignedRequest } from '#gateways/s3/auth/authenticate.ts';
import type { AccessKeyOwner, Accounts } from '#services/cloud.ts';

export const ACCESS_KEY = 'AKIAIOSFODNN7EXAMPLE';
export const SECRET_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
export const REGION = 'us-east-1';
export const EXAMPLE_MS = Date.UTC(2013, 4, 24);

const owner: AccessKeyOwner = {
  accountId: 'account',
  accountName: 'example',
  canonicalId: 'c'.repeat(64),
  role: 'member',
  secret: SECRET_KEY,
};

export function accountsWith(secret: string): Accounts {
  return {
    fetchAccessKey: async () => {},
    accessKey: (id) => (id === ACCESS_KEY ? { ...owner, secret } : undefined),
    owner: () => ({ canonicalId: owner.canonicalId, displayName: owner.accountName }),
    byCanonicalId: async () => undefined,
    byEmail: async () => [],
  };
}

/** The account of Amazon's examples, at their time. */
export function exampleContext(clock = new ManualClock(EXAMPLE_MS)): AuthenticationContext {
  return { accounts: accountsWith(SECRET_KEY), clock, region: REGION };
}

export type HeaderList = readonly (readonly [name: string, value: string])[];

const KEPT_ONCE = new Set(['host', 'authorization', 'content-type', 'content-length', 'date']);

/**
 * `headers` in the order and spelling of the wire; repeated ones are joined or dropped as node:http does
 * it.
 */
export function requestOf(method: string, target: string, headers: HeaderList): SignedRequest {
  const joined: Record<string, string> = {};
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = joined[lower];
    if (before === undefined) joined[lower] = value.trim();
    else if (!KEPT_ONCE.has(lower)) joined[lower] = `${before}, ${value.trim()}`;
  }
  const mark = target.indexOf('?');
  return {
    method,
    rawPath: mark === -1 ? target : target.slice(0, mark),
    rawQuery: mark === -1 ? '' : target.slice(mark + 1),
    headers: joined,
    rawHeaders: headers.flat(),
  };
}

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const CREDENTIAL = `${ACCESS_KEY}/20130524/us-east-1/s3/aws4_request`;

export const authorization = (signedHeaders: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=${signedHeaders},Signature=${signature}`;

const BUCKET_HOST = ['Host', 'examplebucket.s3.amazonaws.com'] as const;
const DATE = ['x-amz-date', '20130524T000000Z'] as const;
const SHA256 = (value: string) => ['x-amz-content-sha256', value] as const;

export interface Example {
  readonly name: string;
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
}

const get = (name: string, target: string, signature: string): Example => ({
  name,
  method: 'GET',
  target,
  headers: [
    BUCKET_HOST,
    DATE,
    SHA256(EMPTY),
    ['Authorization', authorization('host;x-amz-content-sha256;x-amz-date', signature)],
  ],
});

/** "Examples: Signature Calculations" of "Authenticating Requests: Using the Authorization Header". */
export const headerExamples: readonly Example[] = [
  {
    name: 'GET Object',
    method: 'GET',
    target: '/test.txt',
    headers: [
      BUCKET_HOST,
      [
        'Authorization',
        authorization(
          'host;range;x-amz-content-sha256;x-amz-date',
          'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
        ),
      ],
      ['Range', 'bytes=0-9'],
      SHA256(EMPTY),
      DATE,
    ],
  },
  {
    name: 'PUT Object',
    method: 'PUT',
    target: '/test$file.text',
    headers: [
      BUCKET_HOST,
      ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
      [
        'Authorization',
        authorization(
          'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
          '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
        ),
      ],
      DATE,
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      SHA256('44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'),
    ],
  },
  get(
    'GET Bucket Lifecycle',
    '/?lifecycle',
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ),
  get(
    'Get Bucket (List Objects)',
    '/?max-keys=2&prefix=J',
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ),
];

/** The example of "Authenticating Requests: Using Query Parameters". */
export const presignedExample: Example = {
  name: 'presigned GET Object',
  method: 'GET',
  target:
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
    '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
    '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
    '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  headers: [BUCKET_HOST],
};

const chunkedHeaders = (sha256: string): HeaderList => [
  ['Host', 's3.amazonaws.com'],
  DATE,
  ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
  SHA256(sha256),
  ['Content-Encoding', 'aws-chunked'],
  ['x-amz-decoded-content-length', '66560'],
];

const TARGET = '/examplebucket/chunkObject.txt';

/** The example of "… Transferring Payload in Multiple Chunks (Chunked Upload)". */
export const chunkedExample: Example = {
  name: 'chunked upload',
  method: 'PUT',
  target: TARGET,
  headers: [
    ...chunkedHeaders('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'),
    ['Content-Length', '66824'],
    [
      'Authorization',
      authorization(
        'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;' +
          'x-amz-storage-class',
        '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
      ),
    ],
  ],
};

/** The example of "… Including Trailing Headers (Chunked Upload)". */
export const trailerExample: Example = {
  name: 'chunked upload with a trailer',
  method: 'PUT',
  target: TARGET,
  headers: [
    ...chunkedHeaders('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'),
    ['x-amz-trailer', 'x-amz-checksum-crc32c'],
    [
      'Authorization',
      authorization(
        'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;' +
          'x-amz-storage-class;x-amz-trailer',
        '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
      ),
    ],
  ],
};

export const requestOfExample = ({ method, target, headers }: Example) => requestOf(method, target, headers);

/** The example with one header replaced, or added, or (undefined) left out. */
export function withHeader(example: Example, name: string, value: string | undefined): Example {
  const lower = name.toLowerCase();
  const others = example.headers.filter(([other]) => other.toLowerCase() !== lower);
  return { ...example, headers: value === undefined ? others : [...others, [name, value]] };
}
