// Owns the proof that whatever is accepted as a plain head is what node:http reads in the same bytes.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { RawClient } from '#tests/support/raw-http.ts';
import { plainHead } from './plain-head.ts';

const SIGNED =
  'PUT /bucket/some%20key?partNumber=1 HTTP/1.1\r\nHost: h:1\r\nx-amz-date: 20260101T000000Z\r\n' +
  'Authorization: AWS4-HMAC-SHA256 Credential=a/b,  SignedHeaders=host, Signature=0\r\n' +
  'Content-Length: 5\r\nX-Amz-Meta-Empty:\r\n' +
  'x-amz-meta-high:\t \u00e9 \t\r\nConnection: Keep-Alive\r\n\r\nhello';

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

test('a plain head is read whole, and says where the body begins', (t) => {
  const head = plainHead(bytesOf(SIGNED));
  t.like(head, { method: 'PUT', target: '/bucket/some%20key?partNumber=1', bodyBytes: 5 });
  t.is(SIGNED.slice(head?.length), 'hello');
  t.is(head?.headers['x-amz-meta-empty'], '');
  t.is(head?.headers['x-amz-meta-high'], '\u00e9');
  t.deepEqual(head?.rawHeaders.slice(0, 2), ['Host', 'h:1']);
});

const LEFT_TO_NODE: readonly (readonly [why: string, text: string])[] = [
  ['not whole', 'GET / HTTP/1.1\r\nHost: h\r\n'],
  ['another version', 'GET / HTTP/1.0\r\n\r\n'],
  ['another method', 'PATCH / HTTP/1.1\r\n\r\n'],
  ['absolute form', 'GET http://h/ HTTP/1.1\r\n\r\n'],
  ['a blank in the target', 'GET /a b HTTP/1.1\r\n\r\n'],
  ['a byte above ASCII in the target', 'GET /\u00e9 HTTP/1.1\r\n\r\n'],
  ['a name twice', 'GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n'],
  ['a length twice', 'PUT / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n'],
  ['a tab behind a length', 'PUT / HTTP/1.1\r\nContent-Length: 5\t\r\n\r\n'],
  ['a negative length', 'PUT / HTTP/1.1\r\nContent-Length: -5\r\n\r\n'],
  ['a signed length', 'PUT / HTTP/1.1\r\nContent-Length: +5\r\n\r\n'],
  ['a hexadecimal length', 'PUT / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n'],
  ['a list of lengths', 'PUT / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n'],
  ['an endless length', `PUT / HTTP/1.1\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\n`],
  ['no length in a length', 'PUT / HTTP/1.1\r\nContent-Length:\r\n\r\n'],
  ['a coding', 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['an expectation', 'PUT / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n'],
  ['another protocol', 'GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'],
  ['the end of the connection', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ['a folded line', 'GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n'],
  ['a blank before the colon', 'GET / HTTP/1.1\r\nA : 1\r\n\r\n'],
  ['no colon', 'GET / HTTP/1.1\r\nA\r\n\r\n'],
  ['no name', 'GET / HTTP/1.1\r\n: 1\r\n\r\n'],
  ['a bare line feed', 'GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n'],
  ['a bare carriage return', 'GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n'],
  ['a null byte', 'GET / HTTP/1.1\r\nA: \0\r\n\r\n'],
  ['what every object inherits', 'GET / HTTP/1.1\r\n__proto__: x\r\n\r\n'],
  ['too many bytes', `GET / HTTP/1.1\r\nA: ${'x'.repeat(limits.httpHeaderBytes)}\r\n\r\n`],
  ['too many lines', `GET / HTTP/1.1\r\n${manyLines()}\r\n`],
];

function manyLines(): string {
  return Array.from({ length: limits.httpHeaders + 1 }, (_, index) => `x${index}: y\r\n`).join('');
}

for (const [why, text] of LEFT_TO_NODE) {
  test(`left to node:http: ${why}`, (t) => t.is(plainHead(bytesOf(text)), undefined));
}

test('what is accepted is what node:http reads', async (t) => {
  let seen: IncomingMessage | undefined;
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    seen = request;
    response.end();
  });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const pieces = fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\t',
    ':',
    ',',
    '\0',
    '\u00ff',
    'A',
    '0',
    '"',
    '/',
    '\x7f',
  );
  const changes = fc.array(
    fc.record({ at: fc.nat(SIGNED.length - 6), drop: fc.nat(3), add: fc.oneof(pieces, fc.constant('')) }),
    { maxLength: 3 },
  );
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(changes, async (edits) => {
      let text = SIGNED;
      for (const { at, drop, add } of edits) text = text.slice(0, at) + add + text.slice(at + drop);
      const head = plainHead(bytesOf(text));
      if (!head) return;
      accepted++;
      seen = undefined;
      const client = await RawClient.open(port);
      client.send(bytesOf(text.slice(0, head.length) + 'x'.repeat(Math.min(head.bodyBytes, 1_000))));
      await client.until(/^HTTP\/1.1 200 OK/);
      client.close();
      const request = seen as IncomingMessage | undefined;
      t.is(request?.method, head.method);
      t.is(request?.url, head.target);
      t.deepEqual(request?.rawHeaders, [...head.rawHeaders]);
      t.deepEqual(request?.headers, head.headers);
    }),
    { numRuns: 2_000 },
  );
  t.true(accepted > 100, `${accepted} accepted`);
});
