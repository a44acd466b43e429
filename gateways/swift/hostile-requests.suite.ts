// Owns requests that nobody sends in good faith: whatever comes, the answer is one that Swift documents,
// never a 500, nothing is logged as our failure, and what is there stays as it is.

import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestFn } from 'ava';
import fastCheck from 'fast-check';
import { SwiftServer } from '#tests/support/swift-server.ts';

const DOCUMENTED = [
  ...[200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 416, 417, 422],
  ...[431, 499, 501],
];

let server: SwiftServer;

const odd = fastCheck.constantFrom(
  ...[
    '',
    '0',
    '-1',
    '1e999',
    '99999999999999999999',
    'NaN',
    'true',
    '*',
    ',',
    ';',
    '=',
    '"',
    '%',
    '%00',
    '%ff',
  ],
  ...[
    '../../kept/a',
    '/',
    '//',
    ':',
    '.r:*',
    '.r:-',
    'bytes=0-0,0-0',
    'bytes=-',
    'bytes=9-1',
    '[]',
    '{}',
    '\u00ff',
  ],
  ...['wild/a', '/wild/a', 'kept/a', 'x'.repeat(300), 'Thu, 01 Jan 1970 00:00:00 GMT', '0-0', 'json', 'x=y'],
  ...['__proto__', 'constructor', 'AUTH_', 'AUTH_x'],
);
const name = fastCheck.constantFrom(
  ...[
    'Range',
    'If-Match',
    'If-None-Match',
    'If-Modified-Since',
    'If-Range',
    'ETag',
    'Accept',
    'Content-Type',
  ],
  ...['X-Copy-From', 'X-Copy-From-Account', 'Destination', 'Destination-Account', 'X-Fresh-Metadata'],
  ...['X-Object-Manifest', 'X-Object-Meta-A', 'X-Object-Meta-', 'X-Object-Meta-__proto__', 'X-Delete-At'],
  ...['X-Delete-After', 'X-Container-Read', 'X-Container-Write', 'X-Container-Meta-Quota-Bytes', 'Referer'],
  ...['X-Container-Meta-constructor', 'X-Remove-Container-Meta-A', 'X-Account-Meta-A', 'X-Storage-Policy'],
  ...['X-Timestamp', 'X-Service-Token', 'X-Detect-Content-Type', 'Expect', 'X-Container-Meta-A'],
);
const parameter = fastCheck.constantFrom(
  ...[
    'format',
    'prefix',
    'delimiter',
    'marker',
    'end_marker',
    'limit',
    'reverse',
    'path',
    'multipart-manifest',
  ],
  ...['bulk-delete', 'extract-archive', 'temp_url_sig', 'version-id', 'versions', 'symlink', 'x'],
);
const value = fastCheck.oneof(odd, fastCheck.constantFrom('get', 'put', 'delete', 'raw'));
const request = fastCheck.record({
  method: fastCheck.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'COPY', 'OPTIONS', 'PATCH'),
  path: fastCheck.constantFrom(
    '',
    '/',
    '/wild',
    '/wild/',
    '/wild/a',
    '/wild/b/c',
    '/wild//',
    '//a',
    '/%2e%2e/x',
    '/wild%2Fb',
  ),
  query: fastCheck.array(fastCheck.tuple(parameter, value), { maxLength: 3 }),
  headers: fastCheck.array(fastCheck.tuple(name, odd), { maxLength: 5 }),
  body: fastCheck.oneof(
    fastCheck.constantFrom('', 'wild/a', '[{"path":"/wild/a"}]', '[{"path":"/wild/a","range":"0-0"}]'),
    fastCheck.json({ maxDepth: 3 }),
    fastCheck.string({ maxLength: 40 }),
  ),
  isWhole: fastCheck.boolean(),
});

/** The status of the answer. A request whose body does not come whole is cut off. */
async function statusOf(drawn: typeof request extends fastCheck.Arbitrary<infer Drawn> ? Drawn : never) {
  const { method, path, query, headers, body, isWhole } = drawn;
  const { port } = new URL(server.root);
  const asked = query.map(([key, text]) => `${key}=${encodeURIComponent(text)}`).join('&');
  const target = `/object-store/v1/AUTH_${server.owner.projectId}${path}${asked === '' ? '' : `?${asked}`}`;
  const lines = headers
    .filter(([key, text]) => key !== 'Expect' || text !== '')
    .map(([key, text]) => `${key}: ${text}`);
  const bytes = Buffer.from(body);
  const head = [
    ...[
      `${method} ${target} HTTP/1.1`,
      'Host: x',
      'Connection: close',
      `X-Auth-Token: ${server.owner.token}`,
    ],
    ...[`Content-Length: ${bytes.length}`, ...lines, '', ''],
  ].join('\r\n');
  const socket = connect({ port: Number(port), host: '127.0.0.1' });
  const closed = once(socket, 'close');
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  const sent = Buffer.concat([
    Buffer.from(head, 'latin1'),
    isWhole ? bytes : bytes.subarray(0, bytes.length >> 1),
  ]);
  if (isWhole) socket.write(sent);
  else socket.end(sent);
  await closed;
  return /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
}

export function hostileRequests(test: TestFn, requests: number): void {
  test.before(async () => {
    server = await SwiftServer.start();
    await server.call('PUT', '/kept');
    await server.call('PUT', '/kept/a', { body: 'kept' });
    await server.call('PUT', '/kept/large?multipart-manifest=put', { body: '[{"path":"/kept/a"}]' });
    // Everything is tried by one who may change anything, but the container that is looked at in the end.
    await server.call('PUT', '/wild');
  });

  test.after.always(() => server?.stop());

  test('whatever comes, the answer is one that Swift documents', async (t) => {
    const seen = new Set<string | undefined>();
    await fastCheck.assert(
      fastCheck.asyncProperty(request, async (drawn) => {
        const status = await statusOf(drawn);
        seen.add(status);
        // One that was cut off need not be answered.
        if (status === undefined) return !drawn.isWhole;
        return DOCUMENTED.includes(Number(status));
      }),
      { numRuns: requests },
    );
    // It came further than the first check.
    for (const status of ['200', '201', '204', '400', '404', '405', '412']) t.true(seen.has(status), status);
    t.deepEqual(server.logged, []);
    t.is((await server.call('GET', '/kept')).text, 'a\nlarge\n');
    t.is((await server.call('GET', '/kept/large')).text, 'kept');
  });
}
