// Owns S3 as it is attacked: its legal requests, what of them is worth spoiling, and their signatures.

import { createHash, hash } from 'node:crypto';
import { systemClock } from '#core/kernel/clock.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import type { Chance } from '#tests/simulation/world.ts';
import {
  type AccessKey,
  presignedQuery,
  signedChunks,
  signedHeaders,
} from '#tests/support/signed-requests.ts';
import type { Answer } from './answers.ts';
import type { Dialect, Draft, Forgery, HeaderLine, HostileCase, Mangling, Probe } from './dialect.ts';
import { withHeader } from './dialect.ts';
import { letters, noise, SEGMENTS, TEXTS } from './hostile-values.ts';
import { grants, ownership, policy, publicAccess } from './s3-access-documents.ts';
import { s3Complaint } from './s3-answers.ts';
import {
  completion,
  cors,
  deletion,
  encryption,
  lifecycle,
  location,
  payment,
  restoring,
  spoiltXml,
  tagging,
  website,
} from './s3-documents.ts';
import { FORM_TYPE, spoiltForm } from './s3-forms.ts';
import { spoiltJson } from './spoilt-json.ts';

/** What the attacker finds: all of it the attacker's own but the sentinel. */
export interface S3Scene {
  readonly host: string;
  readonly key: AccessKey;
  readonly bucket: string;
  /** A bucket with an object `p`, which no hostile request names. */
  readonly probeBucket: string;
  /** Of another project; its objects contain `SENTINEL`. */
  readonly sentinelBucket: string;
  /** An upload of `k0`. */
  readonly uploadId: string;
}

export const SENTINEL = 'none of your business';
export const PROBED = 'the probe';
export const KEYS = 32;

const NOTHING = Buffer.alloc(0);
const LESS_THAN = 0x3c;
const SUBRESOURCES = [
  ...['acl', 'cors', 'policy', 'tagging', 'versioning', 'versions', 'lifecycle', 'object-lock', 'uploads'],
  ...['delete', 'location', 'uploadId', 'attributes', 'restore', 'select', 'torrent', 'website', 'unknown'],
  ...['list-type', 'encryption', 'notification', 'metrics', 'x-id', 'versionId', 'partNumber', 'session'],
];
/** Who may do what, asked for or taken away. */
const SHUT = ['policy', 'publicAccessBlock', 'ownershipControls'];
const VERSIONS = ['null', '', '0'.repeat(32), 'f'.repeat(32), 'x'.repeat(2_000), '..%2F', '%00'];
const AMZ_HEADERS = [
  ...[
    'acl',
    'meta-a',
    'meta-\xc3\xa9',
    'storage-class',
    'tagging',
    'content-sha256',
    'checksum-crc32',
    'date',
  ],
  ...['checksum-sha256', 'checksum-crc64nvme', 'checksum-algorithm', 'sdk-checksum-algorithm', 'trailer'],
  ...['checksum-mode', 'checksum-type', 'decoded-content-length', 'copy-source', 'copy-source-range'],
  ...['copy-source-if-match', 'copy-source-if-modified-since', 'metadata-directive', 'tagging-directive'],
  ...['expected-bucket-owner', 'source-expected-bucket-owner', 'security-token', 'request-payer'],
  ...['server-side-encryption', 'server-side-encryption-customer-key', 'object-lock-mode', 'grant-read'],
  ...['server-side-encryption-customer-algorithm', 'server-side-encryption-customer-key-md5'],
  'copy-source-server-side-encryption-customer-key',
  ...['website-redirect-location', 'bypass-governance-retention', 'mp-object-size', 'object-size', 'mfa'],
  ...['write-offset-bytes', 'if-match-size', 'unknown', 'bucket-region', 'max-parts', 'part-number-marker'],
].map((name) => `x-amz-${name}`);

const ASKING: HeaderLine[] = [
  ['Origin', 'http://a'],
  ['Access-Control-Request-Method', 'GET'],
];

const request = (
  method: string,
  path: string,
  query = '',
  body: Buffer = NOTHING,
  headers: HeaderLine[] = [],
): Draft => {
  return { method, path, query, headers, body };
};

export class S3Dialect implements Dialect {
  readonly host: string;
  readonly #scene: S3Scene;
  readonly #draws: readonly ((chance: Chance) => Draft)[];

  constructor(scene: S3Scene) {
    this.host = scene.host;
    this.#scene = scene;
    this.#draws = [
      ...[...this.#objects(), ...this.#objects(), ...this.#uploads(), ...this.#buckets()],
      ...this.#documents(),
    ];
  }

  draw(chance: Chance): Draft {
    return chance.pick(this.#draws)(chance);
  }

  #objects(): ((chance: Chance) => Draft)[] {
    const { bucket, key } = this.#scene;
    const type: HeaderLine = ['Content-Type', FORM_TYPE];
    const site = `${bucket}.s3-website.localhost`;
    const form = (chance: Chance) => spoiltForm(key, systemClock.nowMs(), chance);
    const path = (chance: Chance) => `/${bucket}/k${chance.whole(0, KEYS - 1)}`;
    const content = (chance: Chance) => noise(chance, chance.pick([0, 1, 100, 1_000, 9_000]));
    return [
      (chance) => request('GET', path(chance)),
      (chance) => request('GET', path(chance), 'response-content-type=a%2Fb&partNumber=1'),
      (chance) => request('GET', path(chance), '', NOTHING, [['Range', 'bytes=1-3']]),
      (chance) => request('HEAD', path(chance)),
      (chance) => request('PUT', path(chance), '', content(chance), [['x-amz-meta-a', 'b']]),
      (chance) => request('PUT', path(chance), '', content(chance), [['If-None-Match', '*']]),
      (chance) => request('PUT', path(chance), '', NOTHING, [['x-amz-copy-source', path(chance)]]),
      (chance) => request('DELETE', path(chance)),
      (chance) => request(chance.pick(['GET', 'HEAD']), path(chance), `versionId=${chance.pick(VERSIONS)}`),
      (chance) => request('DELETE', path(chance), `versionId=${chance.pick(VERSIONS)}`),
      (chance) =>
        request('PUT', path(chance), '', NOTHING, [
          ['x-amz-copy-source', `${path(chance)}?versionId=${chance.pick(VERSIONS)}`],
        ]),
      (chance) => {
        const markers = `key-marker=k${chance.whole(0, 9)}&version-id-marker=${chance.pick(VERSIONS)}`;
        return request('GET', `/${bucket}`, `versions&max-keys=3&${markers}`);
      },
      (chance) => request('POST', `/${bucket}`, '', form(chance), [type]),
      (chance) => request('GET', `/k${chance.whole(0, KEYS)}`, '', NOTHING, [['Host', site]]),
      (chance) => request('OPTIONS', path(chance), '', NOTHING, ASKING),
      (chance) =>
        request('PUT', path(chance), '', noise(chance, 12_000), [['x-amz-storage-class', 'GLACIER']]),
    ];
  }

  /** Those whose body is a document. */
  #documents(): ((chance: Chance) => Draft)[] {
    const { bucket, uploadId } = this.#scene;
    const etag = hash('md5', 'part');
    const parts = [1, 2].map((number) => [number, etag] as const);
    const keys = (chance: Chance) => ['x1', 'x2', letters(chance, 5)];
    return [
      (chance) => request('POST', `/${bucket}`, 'delete', Buffer.from(deletion(keys(chance)))),
      (chance) => {
        const status = chance.pick(['Enabled', 'Suspended', 'Off', '']);
        const document = `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`;
        return request('PUT', `/made-${chance.whole(0, 19)}`, 'versioning', Buffer.from(document));
      },
      // Of parts that are too small to be completed.
      () => request('POST', `/${bucket}/k0`, `uploadId=${uploadId}`, Buffer.from(completion(parts))),
      (chance) => request('PUT', `/made-${chance.whole(0, 19)}`, '', Buffer.from(location('us-east-1'))),
      (chance) => request('PUT', `/${bucket}`, 'policy', policy(bucket, chance)),
      (chance) => request('PUT', `/${bucket}`, 'acl', grants(chance)),
      (chance) => request('PUT', `/${bucket}/k${chance.whole(0, KEYS - 1)}`, 'acl', grants(chance)),
      (chance) => request('PUT', `/${bucket}`, 'ownershipControls', ownership(chance)),
      (chance) => request('PUT', `/${bucket}`, 'publicAccessBlock', publicAccess(chance)),
      (chance) => request('PUT', `/${bucket}`, 'tagging', Buffer.from(tagging(letters(chance, 5)))),
      () => request('POST', `/${bucket}/k2`, 'restore', Buffer.from(restoring())),
      () => request('PUT', `/${bucket}`, 'requestPayment', Buffer.from(payment())),
      () => request('PUT', `/${bucket}`, 'lifecycle', Buffer.from(lifecycle())),
      () => request('PUT', `/${bucket}`, 'encryption', Buffer.from(encryption())),
      () => request('PUT', `/${bucket}`, 'website', Buffer.from(website())),
      () => request('PUT', `/${bucket}`, 'cors', Buffer.from(cors())),
      (chance) => request('PUT', `/${bucket}/k1`, 'tagging', Buffer.from(tagging(letters(chance, 5)))),
    ];
  }

  #uploads(): ((chance: Chance) => Draft)[] {
    const { bucket, uploadId } = this.#scene;
    const path = `/${bucket}/k0`;
    const numbered = (chance: Chance) => `partNumber=${chance.whole(1, 40)}&uploadId=${uploadId}`;
    return [
      (chance) => request('POST', `/${bucket}/u${chance.whole(0, 9)}`, 'uploads'),
      (chance) => request('PUT', path, numbered(chance), Buffer.from('part')),
      (chance) => request('PUT', path, numbered(chance), NOTHING, [['x-amz-copy-source', `${bucket}/k1`]]),
      () => request('GET', path, `uploadId=${uploadId}&max-parts=3&part-number-marker=1&encoding-type=url`),
      () =>
        request('GET', `/${bucket}`, 'uploads&max-uploads=5&key-marker=k&delimiter=%2F&upload-id-marker=x'),
      (chance) => request('DELETE', path, `uploadId=${letters(chance, 26)}`),
    ];
  }

  #buckets(): ((chance: Chance) => Draft)[] {
    const { bucket, sentinelBucket } = this.#scene;
    return [
      () => request('GET', '/', 'max-buckets=5&prefix=a&continuation-token=YjE6YQ'),
      () =>
        request(
          'GET',
          `/${bucket}`,
          'list-type=2&max-keys=7&prefix=k&delimiter=1&start-after=k1&fetch-owner=true',
        ),
      () => request('GET', `/${bucket}`, 'list-type=2&continuation-token=bzE6azE&encoding-type=url'),
      () => request('GET', `/${bucket}`, 'marker=k&max-keys=9&delimiter=%2F&prefix='),
      () => request('HEAD', `/${bucket}`),
      () => request('GET', `/${bucket}`, 'location'),
      (chance) => request(chance.pick(['GET', 'DELETE']), `/${bucket}`, chance.pick(SHUT)),
      () => request('GET', `/${bucket}/k1`, 'acl'),
      (chance) => request('DELETE', `/made-${chance.whole(0, 19)}`),
      (chance) =>
        request(chance.pick(['GET', 'PUT', 'DELETE']), `/${sentinelBucket}/s${chance.whole(0, 15)}`),
      () => request('GET', `/${sentinelBucket}`, 'list-type=2'),
    ];
  }

  readonly manglings: readonly Mangling[] = [
    {
      name: 'an x-amz header spoilt',
      mangle: (draft, chance) => withHeader(draft, chance.pick(AMZ_HEADERS), chance.pick(TEXTS)),
    },
    {
      name: 'an origin spoilt',
      mangle: (draft, chance) => withHeader(draft, 'Origin', `h${chance.pick(TEXTS)}`),
    },
    {
      name: 'names of headers spoilt',
      mangle: (draft, chance) => withHeader(draft, 'Access-Control-Request-Headers', chance.pick(TEXTS)),
    },
    {
      name: 'a document spoilt',
      mangle: (draft, chance) => {
        const isDocument = draft.body[0] === LESS_THAN || draft.query === 'policy';
        const spoilt = isDocument ? draft : chance.pick(this.#documents())(chance);
        const spoil = spoilt.body[0] === LESS_THAN ? spoiltXml : spoiltJson;
        return { ...spoilt, body: spoil(spoilt.body, chance) };
      },
    },
    {
      name: 'another subresource',
      mangle: (draft, chance) => ({ ...draft, query: `${chance.pick(SUBRESOURCES)}&${draft.query}` }),
    },
    {
      name: 'a copy of the sentinel',
      mangle: (draft, chance) => {
        const { bucket, sentinelBucket } = this.#scene;
        const at = chance.pick([
          `${bucket}/../${sentinelBucket}/s1`,
          `${sentinelBucket}/s1`,
          `%2F${sentinelBucket}/s1`,
        ]);
        return withHeader(draft, 'x-amz-copy-source', at);
      },
    },
    {
      name: 'a way to the sentinel',
      mangle: (draft, chance) => {
        const { bucket, sentinelBucket } = this.#scene;
        const up = chance.pick(['..', '%2e%2e', '.%2e', '..%2f..', '%2e%2e%5c']);
        return {
          ...draft,
          path: chance.pick([`/${bucket}/${up}/${sentinelBucket}/s2`, `/${sentinelBucket}/s3`]),
        };
      },
    },
    {
      name: 'the sentinel as host',
      mangle: (draft) => withHeader(draft, 'Host', `${this.#scene.sentinelBucket}.localhost`),
    },
    {
      name: 'much metadata',
      mangle: (draft, chance) =>
        withHeader(draft, 'x-amz-meta-much', 'm'.repeat(chance.pick([2_000, 2_100, 30_000]))),
    },
    {
      name: 'a copy source spoilt',
      mangle: (draft, chance) =>
        withHeader(draft, 'x-amz-copy-source', `${chance.pick(SEGMENTS)}/${chance.pick(SEGMENTS)}`),
    },
  ];

  readonly forgeries: readonly Forgery[] = [
    {
      name: 'an x-amz header that is not signed',
      mustRefuse: true,
      mangle: (draft, chance) => {
        const name = `x-amz-meta-${letters(chance, 8).replace(/[^A-Za-z0-9]/g, 'a')}`;
        return { ...draft, headers: [...draft.headers, [name, chance.pick(TEXTS)]] };
      },
    },
    {
      name: 'another host than signed',
      mustRefuse: true,
      mangle: (draft) => withHeader(draft, 'Host', 'else.where'),
    },
    {
      name: 'a doubled host',
      mustRefuse: true,
      mangle: (draft) => ({ ...draft, headers: [...draft.headers, ['Host', this.host]] }),
    },
    {
      name: 'another date than signed',
      mustRefuse: true,
      mangle: (draft) => withHeader(draft, 'x-amz-date', '20200101T000000Z'),
    },
    {
      name: 'a parameter that is not signed',
      mustRefuse: true,
      mangle: (draft) => ({ ...draft, query: `${draft.query}${draft.query && '&'}more=1` }),
    },
    {
      name: 'another path than signed',
      mustRefuse: true,
      mangle: (draft) => ({ ...draft, path: `${draft.path}x` }),
    },
    {
      name: 'another method than signed',
      mustRefuse: true,
      mangle: (draft) => ({ ...draft, method: draft.method === 'DELETE' ? 'GET' : 'DELETE' }),
    },
    {
      name: 'a spoilt authorization',
      mustRefuse: true,
      mangle: (draft, chance) => withHeader(draft, 'Authorization', chance.pick(TEXTS)),
    },
    {
      name: 'a token',
      mustRefuse: true,
      mangle: (draft, chance) => withHeader(draft, 'x-amz-security-token', chance.pick(TEXTS)),
    },
    {
      name: 'another signature',
      mustRefuse: true,
      mangle: (draft) => ({
        ...draft,
        query: draft.query.replace(/(X-Amz-Signature=)../, '$1zz'),
        headers: draft.headers.map(
          ([name, value]) => [name, value.replace(/(, Signature=)../, '$1zz')] as const,
        ),
      }),
    },
    {
      name: 'another body than signed',
      mustRefuse: false,
      mangle: (draft, chance) => ({ ...draft, body: noise(chance, draft.body.length + chance.whole(0, 3)) }),
    },
    {
      name: 'a header that need not be signed',
      mustRefuse: false,
      mangle: (draft, chance) => {
        const name = chance.pick(['If-Match', 'Range', 'Content-MD5', 'Content-Type', 'X-Forwarded-Host']);
        return withHeader(draft, name, chance.pick(TEXTS));
      },
    },
  ];

  seal(draft: Draft, chance: Chance): Draft {
    const hasHost = draft.headers.some(([name]) => name.toLowerCase() === 'host');
    const headers: HeaderLine[] = hasHost ? [...draft.headers] : [['Host', this.host], ...draft.headers];
    if (draft.query.split('&').includes('delete') && chance.happens(0.95)) {
      headers.push(['Content-MD5', createHash('md5').update(draft.body).digest('base64')]);
    }
    // Whoever sends a form signs nothing else.
    if (headers.some(([, value]) => value === FORM_TYPE)) return { ...draft, headers };
    const kind = chance.next();
    if (kind < 0.04) return { ...draft, headers };
    const ready = { ...draft, headers };
    if (kind < 0.12) return this.#presigned(ready);
    if (kind < 0.4 && draft.method === 'PUT' && draft.body.length > 0) return this.#inChunks(ready, chance);
    const payload = kind < 0.7 ? 'UNSIGNED-PAYLOAD' : hash('sha256', draft.body);
    return { ...draft, headers: this.#signed(ready, payload).headers };
  }

  #signed(draft: Draft, payload: string) {
    const target = splitTarget(draft.query === '' ? draft.path : `${draft.path}?${draft.query}`);
    const { method, headers } = draft;
    return signedHeaders({ method, ...target, headers, payload }, this.#scene.key, systemClock.nowMs());
  }

  #presigned(draft: Draft): Draft {
    const { method, headers } = draft;
    const { rawPath, rawQuery } = splitTarget(
      draft.query === '' ? draft.path : `${draft.path}?${draft.query}`,
    );
    const times = { atMs: systemClock.nowMs(), expiresSeconds: 600 };
    return {
      ...draft,
      query: presignedQuery({ method, rawPath, rawQuery, headers }, this.#scene.key, times),
    };
  }

  #inChunks(draft: Draft, chance: Chance): Draft {
    const { body } = draft;
    const trailing = chance.happens(0.5);
    const checksum = createHash('sha256').update(body).digest('base64');
    const headers: HeaderLine[] = [
      ...draft.headers,
      ['Content-Encoding', 'aws-chunked'],
      ['x-amz-decoded-content-length', String(body.length)],
      ...(trailing ? ([['x-amz-trailer', 'x-amz-checksum-sha256']] as const) : []),
    ];
    const payload = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailing ? '-TRAILER' : ''}`;
    const signed = this.#signed({ ...draft, headers }, payload);
    const pieces = body.length > 8_192 ? [body.subarray(0, 8_192), body.subarray(8_192)] : [body];
    const framed = signedChunks(
      signed.signing,
      pieces,
      trailing ? [['x-amz-checksum-sha256', checksum]] : [],
    );
    return {
      ...draft,
      headers: signed.headers,
      body: chance.happens(0.5) ? framed : spoiltChunks(framed, chance),
    };
  }

  probe(index: number): Probe {
    const type = `probe/${index}`;
    const query = `response-content-type=${encodeURIComponent(type)}`;
    const draft = request('GET', `/${this.#scene.probeBucket}/p`, query, NOTHING, [['Host', this.host]]);
    const { headers } = this.#signed(draft, 'UNSIGNED-PAYLOAD');
    return {
      draft: { ...draft, headers },
      isAnsweredBy: ({ status, headers, body }) =>
        status === 200 && headers.get('content-type') === type && body === PROBED,
    };
  }

  complaint(hostile: HostileCase, answer: Answer): string | undefined {
    if (answer.body.includes(SENTINEL)) return 'the sentinel was read';
    const { path } = hostile.draft;
    const isSentinels =
      path === `/${this.#scene.sentinelBucket}` || path.startsWith(`/${this.#scene.sentinelBucket}/`);
    if (isSentinels && answer.status < 400) return `${answer.status} at the sentinel`;
    return s3Complaint(hostile, answer);
  }
}

const CHUNK_SPOILS: readonly ((framed: string, chance: Chance) => string)[] = [
  (framed) => framed.replace(/^[0-9a-f]+/, (size) => (Number.parseInt(size, 16) + 1).toString(16)),
  (framed) => framed.replace(/^[0-9a-f]+/, (size) => (Number.parseInt(size, 16) - 1).toString(16)),
  (framed, chance) =>
    framed.replace(/^[0-9a-f]+/, chance.pick(['0', '-1', 'ffffffffffffffff', 'g', '', '1e9', ' 5'])),
  (framed) => framed.replace(/chunk-signature=../, 'chunk-signature=zz'),
  (framed) => framed.replace(/;chunk-signature=[0-9a-f]+/, ''),
  (framed) => framed.replace(/;chunk-signature/, `;${'x'.repeat(500)}`),
  (framed, chance) => framed.slice(0, chance.whole(0, framed.length - 1)),
  (framed) => framed + framed,
  (framed) => `${framed}GET / HTTP/1.1\r\nHost: h\r\n\r\n`,
  (framed) => framed.replace(/0;chunk-signature=[\s\S]*$/, ''),
  (framed) => framed.replaceAll('\r\n', '\n'),
  (framed) => framed.replace('x-amz-checksum-sha256:', 'x-amz-checksum-crc32:'),
  (framed) => framed.replace(/x-amz-trailer-signature:../, 'x-amz-trailer-signature:zz'),
  (framed) => framed.replace(/x-amz-trailer-signature:.*/, ''),
  (framed) => framed.replace(/(x-amz-checksum-sha256:.*\r\n)/, '$1$1'),
  (framed) => framed.replace('x-amz-checksum-sha256:', `x-amz-checksum-sha256:${'y'.repeat(9_000)}`),
];

function spoiltChunks(framed: Buffer, chance: Chance): Buffer {
  return Buffer.from(chance.pick(CHUNK_SPOILS)(framed.toString('latin1'), chance), 'latin1');
}
