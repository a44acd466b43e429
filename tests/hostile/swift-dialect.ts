// Owns Swift as it is attacked by a member of a project: its legal requests, and what of them is worth
// spoiling.

import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Chance } from '#tests/simulation/world.ts';
import type { Answer } from './answers.ts';
import {
  type Dialect,
  type Draft,
  type Forgery,
  type HeaderLine,
  type HostileCase,
  type Mangling,
  type Probe,
  withHeader,
} from './dialect.ts';
import { letters, NUMBERS, noise, SEGMENTS, TEXTS } from './hostile-values.ts';
import { spoiltJson } from './spoilt-json.ts';

/** What the attacker finds: all of it the attacker's own but the sentinel. */
export interface SwiftScene {
  readonly host: string;
  readonly token: string;
  readonly projectId: string;
  /** Of which the container `sentinel` is, whose objects contain `SENTINEL`. */
  readonly otherProjectId: string;
}

export const SENTINEL = 'none of your business';
export const KEYS = 32;
/** The content of `probed/p`, which no hostile request names. */
export const PROBED = Array.from({ length: 2_000 }, (_, index) => String(index).padStart(5, '0')).join('');

const NOTHING = Buffer.alloc(0);
const ROOT = '/object-store/v1';
const PROBE_BYTES = 8;
const SUCCESSES = new Set([200, 201, 202, 204, 206, 301, 303, 304, 307]);
const FAILURES = new Set([
  400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 416, 417, 422, 431, 499, 501,
]);

const HEADERS = [
  ...['X-Auth-Token', 'X-Service-Token', 'X-Auth-User', 'X-Auth-Key', 'X-Storage-Token', 'X-Storage-Policy'],
  ...['X-Copy-From', 'X-Copy-From-Account', 'Destination', 'Destination-Account', 'X-Fresh-Metadata', 'ETag'],
  ...['X-Object-Manifest', 'X-Delete-At', 'X-Delete-After', 'X-Object-Meta-A', 'X-Remove-Object-Meta-A'],
  ...['X-Container-Read', 'X-Container-Write', 'X-Container-Meta-A', 'X-Container-Meta-Quota-Count'],
  ...[
    'X-Container-Sync-To',
    'X-Versions-Location',
    'X-History-Location',
    'X-Versions-Enabled',
    'X-Symlink-Target',
  ],
  ...[
    'X-Container-Meta-Access-Control-Allow-Origin',
    'X-Account-Meta-Temp-URL-Key',
    'X-Container-Meta-Temp-URL-Key-2',
    'X-Account-Access-Control',
  ],
  ...[
    'X-Timestamp',
    'X-Newest',
    'X-Detect-Content-Type',
    'X-Static-Large-Object',
    'X-Backend-Storage-Policy-Index',
  ],
  ...[
    'X-Trans-Id-Extra',
    'Origin',
    'X-If-Delete-At',
    'X-Object-Sysmeta-A',
    'X-Container-Sysmeta-A',
    'Accept',
  ],
];
const QUERIES = [
  ...[
    'format=json',
    'format=xml',
    'format=x',
    'limit=-1',
    'limit=99999',
    'marker=%00',
    'end_marker=a',
    'path=/',
  ],
  ...[
    'delimiter=%2F%2F',
    'reverse=on',
    'prefix=k&delimiter=1',
    'multipart-manifest=put',
    'multipart-manifest=get',
  ],
  ...[
    'multipart-manifest=delete',
    'bulk-delete',
    'extract-archive=tar.gz',
    'temp_url_sig=a&temp_url_expires=1',
    `temp_url_sig=${'a'.repeat(64)}&temp_url_expires=9999999999&temp_url_prefix=&temp_url_ip_range=::/0`,
  ],
  ...[
    'symlink=get',
    'version-id=x',
    'version-id=null',
    `version-id=${'0'.repeat(32)}`,
    'versions&format=json&limit=2&marker=k1&version_marker=null',
    'versions&format=json&reverse=on&delimiter=1&version_marker=x',
    'states=listing',
    'inline',
    'ignore-range',
    'part-number=1',
    'versions=true',
  ],
];
const RANGES = [
  'bytes=0-0,2-3,5-',
  'bytes=0-1,0-1,0-1',
  `bytes=${'0-1,'.repeat(500)}0-1`,
  'bytes=-5,0-',
  'bytes=9-1',
];

const request = (
  method: string,
  path: string,
  query = '',
  body: Buffer = NOTHING,
  headers: readonly HeaderLine[] = [],
): Draft => ({ method, path, query, headers, body });

export class SwiftDialect implements Dialect {
  readonly host: string;
  readonly #scene: SwiftScene;
  readonly #account: string;
  readonly #other: string;
  readonly #draws: readonly ((chance: Chance) => Draft)[];

  constructor(scene: SwiftScene) {
    this.host = scene.host;
    this.#scene = scene;
    this.#account = `${ROOT}/AUTH_${scene.projectId}`;
    this.#other = `${ROOT}/AUTH_${scene.otherProjectId}`;
    this.#draws = [
      ...this.#objects(),
      ...this.#objects(),
      ...this.#manifests(),
      ...this.#containers(),
      ...this.#forms(),
    ];
  }

  draw(chance: Chance): Draft {
    return chance.pick(this.#draws)(chance);
  }

  #objects(): ((chance: Chance) => Draft)[] {
    const at = (chance: Chance) => `k${chance.whole(0, KEYS - 1)}`;
    const path = (chance: Chance) => `${this.#account}/hostile/${at(chance)}`;
    const content = (chance: Chance) => noise(chance, chance.pick([0, 1, 100, 9_000]));
    const later = [['X-Delete-After', '9000']] as const;
    return [
      (chance) => request('GET', path(chance)),
      (chance) => request('GET', path(chance), '', NOTHING, [['Range', chance.pick(RANGES)]]),
      (chance) => request('HEAD', path(chance)),
      (chance) => request('PUT', path(chance), '', content(chance), [['X-Object-Meta-A', 'b']]),
      (chance) => request('PUT', path(chance), '', content(chance), later),
      (chance) => request('PUT', path(chance), '', NOTHING, [['X-Copy-From', `hostile/${at(chance)}`]]),
      (chance) => request('COPY', path(chance), '', NOTHING, [['Destination', `hostile/${at(chance)}`]]),
      (chance) => request('POST', path(chance), '', NOTHING, [['X-Object-Meta-B', 'c']]),
      (chance) => request('DELETE', path(chance)),
      (chance) =>
        request(
          'POST',
          this.#account,
          'bulk-delete',
          Buffer.from(`hostile/x1\nhostile/${letters(chance, 3)}\n`),
        ),
    ];
  }

  #manifests(): ((chance: Chance) => Draft)[] {
    const path = `${this.#account}/hostile/large`;
    return [
      (chance) => request('PUT', path, 'multipart-manifest=put', this.#manifest(chance)),
      () => request('GET', path, 'multipart-manifest=get&format=raw'),
      () => request('DELETE', path, 'multipart-manifest=delete'),
      () => request('PUT', `${path}-dynamic`, '', NOTHING, [['X-Object-Manifest', 'hostile/k']]),
      () => request('GET', `${path}-dynamic`),
      (chance) => request('PUT', `${path}-link`, '', NOTHING, this.#link(chance)),
      (chance) => request('PUT', `${path}-link-again`, '', NOTHING, this.#link(chance)),
      (chance) =>
        request(chance.pick(['GET', 'HEAD', 'POST']), `${path}-link`, chance.pick(['', 'symlink=get'])),
    ];
  }

  #link(chance: Chance): HeaderLine[] {
    const target = chance.pick([
      'hostile/k1',
      'hostile/large-link',
      'hostile/large-link-again',
      'sentinel/s1',
    ]);
    const account = chance.pick([this.#scene.projectId, this.#scene.otherProjectId]);
    const headers: HeaderLine[] = [
      ['X-Symlink-Target', target],
      ['X-Symlink-Target-Account', `AUTH_${account}`],
    ];
    if (chance.happens(0.2)) headers.push(['X-Symlink-Target-Etag', chance.pick(TEXTS)]);
    return headers;
  }

  #manifest(chance: Chance): Buffer {
    const segments = [1, 2].map((number) => ({
      path: `/segments/s${number}`,
      etag: hash('md5', 'segment'),
      size_bytes: 7,
      ...(chance.happens(0.3) && { range: '1-3' }),
    }));
    return Buffer.from(JSON.stringify([...segments, { data: Buffer.from('inline').toString('base64') }]));
  }

  #forms(): ((chance: Chance) => Draft)[] {
    return [(chance) => this.#archive(chance), (chance) => this.#form(chance)];
  }

  #archive(chance: Chance): Draft {
    const entries = Array.from({ length: chance.whole(1, 4) }, () => this.#entry(chance));
    const plain = Buffer.concat([...entries, Buffer.alloc(2_048)]);
    const isZipped = chance.happens(0.3);
    const body = isZipped ? gzipSync(plain) : plain;
    const at = chance.pick([this.#account, `${this.#account}/made-1`, this.#other]);
    return request('PUT', at, `extract-archive=tar${isZipped ? '.gz' : ''}`, body);
  }

  /** A header of tar, with a name and a size that may lie, and what may be its content. */
  #entry(chance: Chance): Buffer {
    const header = Buffer.alloc(512);
    header.write(
      chance.pick(['made-1/a', '../sentinel/s1', '/made-1/../../a', ...SEGMENTS]),
      0,
      99,
      'latin1',
    );
    const sizes = [
      '00000000005',
      '00000000000',
      '77777777777',
      '-1',
      '',
      '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
    ];
    header.write(chance.pick(sizes), 124, 12, 'latin1');
    header.write(chance.pick(['0', '0', 'x', 'g', 'L', 'K', '5', '2', '7', 'S']), 156, 1, 'latin1');
    header.write('ustar\0', 257, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const records = [
      '30 path=../x\n',
      '9 a=b\n',
      '-5 a=b\n',
      '13 size=1e999\n',
      '12 size=-10\n',
      '99 path=x',
    ];
    const content = Buffer.from(chance.pick(['hello', ...records, letters(chance, 600)]));
    const fill = chance.happens(0.2) ? 0 : (512 - (content.length % 512)) % 512;
    return Buffer.concat([header, content, Buffer.alloc(fill)]);
  }

  #form(chance: Chance): Draft {
    const boundary = chance.pick(['b', '-'.repeat(70), 'a b', '\r\n', '']);
    const fields = [
      'redirect',
      'max_file_size',
      'max_file_count',
      'expires',
      'signature',
      'signed',
      '__proto__',
    ];
    const parts = fields.map((name) => {
      const value = chance.happens(0.3) ? chance.pick(TEXTS) : chance.pick(NUMBERS);
      return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    });
    const name = chance.pick([...SEGMENTS, ...TEXTS]);
    const file = `Content-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: a/b`;
    parts.push(`--${boundary}\r\n${file}\r\n\r\n${letters(chance, 20)}\r\n--${boundary}--\r\n`);
    const whole = Buffer.from(parts.join(''), 'latin1');
    const body = chance.happens(0.3) ? whole.subarray(0, chance.whole(0, whole.length)) : whole;
    const type = `multipart/form-data; boundary="${boundary.trim()}"`;
    const at = chance.pick([
      `${this.#account}/hostile`,
      `${this.#account}/hostile/f`,
      `${this.#other}/sentinel`,
    ]);
    return request('POST', at, '', body, [['Content-Type', type]]);
  }

  #containers(): ((chance: Chance) => Draft)[] {
    const made = (chance: Chance) => `${this.#account}/made-${chance.whole(0, 19)}`;
    const listing = (chance: Chance) => `${chance.pick(QUERIES)}&limit=9`;
    return [
      (chance) => request('GET', this.#account, listing(chance)),
      () => request('HEAD', this.#account),
      () => request('POST', this.#account, '', NOTHING, [['X-Account-Meta-A', 'b']]),
      (chance) => request('GET', `${this.#account}/hostile`, listing(chance)),
      (chance) =>
        request('GET', `${this.#account}/hostile`, `prefix=k&delimiter=1&marker=k1&${chance.pick(QUERIES)}`),
      () =>
        request('POST', `${this.#account}/hostile`, '', NOTHING, [['X-Container-Read', '.r:*,.rlistings']]),
      (chance) => request('PUT', made(chance), '', NOTHING, [['X-Container-Meta-A', 'b']]),
      (chance) => {
        const policy = chance.pick(['replicated', 'gold', 'cold', 'old', '', ...TEXTS]);
        return request('PUT', made(chance), '', NOTHING, [['X-Storage-Policy', policy]]);
      },
      (chance) => request('DELETE', made(chance)),
      () =>
        request('POST', `${this.#account}/hostile`, '', NOTHING, [
          ['X-Container-Meta-Web-Index', 'k1'],
          ['X-Container-Meta-Web-Error', 'k2'],
          ['X-Container-Meta-Web-Listings', 'true'],
          ['X-Container-Meta-Web-Listings-CSS', '"><script>'],
        ]),
      (chance) =>
        request('GET', `${this.#account}/hostile/${chance.pick(['', ...SEGMENTS])}`, '', NOTHING, [
          ['X-Web-Mode', chance.pick(['true', ...TEXTS])],
        ]),
      () =>
        request('POST', `${this.#account}/hostile`, '', NOTHING, [
          ['X-Container-Meta-Access-Control-Allow-Origin', 'http://a.example'],
        ]),
      (chance) =>
        request('OPTIONS', `${this.#account}/hostile/k1`, '', NOTHING, [
          ['Origin', chance.pick(['http://a.example', 'null', ...TEXTS])],
          ['Access-Control-Request-Method', chance.pick(['GET', 'TRACE', ...TEXTS])],
          ['Access-Control-Request-Headers', chance.pick(['x-a, x-b', ...TEXTS])],
        ]),
      () => request('GET', '/info'),
      () =>
        request('GET', '/auth/v1.0', '', NOTHING, [
          ['X-Auth-User', 'a:b'],
          ['X-Auth-Key', 'c'],
        ]),
      (chance) => request(chance.pick(['GET', 'PUT', 'POST', 'DELETE']), `${this.#other}/sentinel/s1`),
      () => request('GET', `${this.#other}/sentinel`, 'format=json'),
    ];
  }

  readonly manglings: readonly Mangling[] = [
    {
      name: 'a header of Swift spoilt',
      mangle: (draft, chance) => withHeader(draft, chance.pick(HEADERS), chance.pick(TEXTS)),
    },
    {
      name: 'a number in a header spoilt',
      mangle: (draft, chance) => withHeader(draft, chance.pick(HEADERS), chance.pick(NUMBERS)),
    },
    {
      name: 'a manifest spoilt',
      mangle: (draft, chance) => {
        const body = spoiltJson(this.#manifest(chance), chance);
        return {
          ...draft,
          method: 'PUT',
          path: `${this.#account}/hostile/large`,
          query: 'multipart-manifest=put',
          body,
        };
      },
    },
    {
      name: 'many to be deleted',
      mangle: (draft, chance) => {
        const lines = Array.from(
          { length: chance.pick([5, 300, 20_000]) },
          () => `hostile/${chance.pick(SEGMENTS)}`,
        );
        return {
          ...draft,
          method: 'POST',
          path: this.#account,
          query: 'bulk-delete',
          body: Buffer.from(lines.join('\n')),
        };
      },
    },
    {
      name: 'a strange query',
      mangle: (draft, chance) => ({ ...draft, query: `${chance.pick(QUERIES)}&${chance.pick(QUERIES)}` }),
    },
    {
      name: 'a copy of the sentinel',
      mangle: (draft, chance) => {
        const account = chance.pick(['', `AUTH_${this.#scene.otherProjectId}`]);
        const from = chance.pick([
          'sentinel/s1',
          '/../sentinel/s1',
          'hostile/../sentinel/s1',
          '%2Fsentinel%2Fs1',
        ]);
        return withHeader(withHeader(draft, 'X-Copy-From', from), 'X-Copy-From-Account', account);
      },
    },
    {
      name: 'a way to the sentinel',
      mangle: (draft, chance) => {
        const up = chance.pick(['..', '%2e%2e', '..%2f..', '../..']);
        const at = `AUTH_${this.#scene.otherProjectId}/sentinel/s2`;
        return {
          ...draft,
          path: chance.pick([`${this.#account}/${up}/${at}`, `${ROOT}/${at}`, `${ROOT}//${at}`]),
        };
      },
    },
  ];

  readonly forgeries: readonly Forgery[] = [
    {
      name: 'another signature',
      mustRefuse: false,
      mangle: (draft) => withHeader(draft, 'X-Auth-Token', `${this.#scene.token.slice(0, -4)}AAAA`),
    },
    {
      name: 'a spoilt token',
      mustRefuse: false,
      mangle: (draft, chance) => withHeader(draft, 'X-Auth-Token', chance.pick(TEXTS)),
    },
  ];

  seal(draft: Draft, chance: Chance): Draft {
    const has = (name: string) => draft.headers.some(([each]) => each.toLowerCase() === name);
    const host = has('host') ? [] : ([['Host', this.host]] as const);
    const own =
      has('x-auth-token') || chance.happens(0.05) ? [] : ([['X-Auth-Token', this.#scene.token]] as const);
    return { ...draft, headers: [...host, ...own, ...draft.headers] };
  }

  probe(index: number): Probe {
    const from = index % (PROBED.length - PROBE_BYTES);
    const headers: HeaderLine[] = [
      ['Host', this.host],
      ['X-Auth-Token', this.#scene.token],
      ['Range', `bytes=${from}-${from + PROBE_BYTES - 1}`],
    ];
    return {
      draft: request('GET', `${this.#account}/probed/p`, '', NOTHING, headers),
      isAnsweredBy: ({ status, headers, body }) =>
        status === 206 &&
        headers.get('content-range')?.startsWith(`bytes ${from}-`) === true &&
        body === PROBED.slice(from, from + PROBE_BYTES),
    };
  }

  complaint({ draft }: HostileCase, { status, headers, body }: Answer): string | undefined {
    if (body.includes(SENTINEL)) return 'the sentinel was read';
    // Which methods there are is told to everybody.
    const isMethods = draft.method === 'OPTIONS' && !headers.has('access-control-allow-origin');
    const isOthers = draft.path.startsWith(`${this.#other}/`) && !isMethods;
    if (isOthers && status < 400) return `${status} at the sentinel`;
    return SUCCESSES.has(status) || FAILURES.has(status) ? undefined : `${status} is not documented: ${body}`;
  }
}
