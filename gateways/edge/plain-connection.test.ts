// Owns the proof that a connection changes from plain requests to node:http's without a byte read twice or
// lost, and that answers of every shape are framed.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom, systemRandom } from '#core/kernel/random.ts';
import { HTTP_LANES } from '#tests/support/http-lanes.ts';
import { RawClient } from '#tests/support/raw-http.ts';
import { BodyWatch } from './body-watch.ts';
import { collect } from './collect.ts';
import { createHttpServer, type RequestHandler } from './http-server.ts';
import { requestBody } from './request-body.ts';

async function serve(t: ExecutionContext, handler?: RequestHandler) {
  const clock = new ManualClock();
  const watch = new BodyWatch(clock);
  const echo: RequestHandler = async (request, response) => {
    const body = await collect(requestBody(request, response, { watch, maxBytes: 1e6 }), 1e6);
    response.end(`<${request.url} ${body}>`);
  };
  const server = createHttpServer({
    watch,
    clock,
    random: systemRandom,
    failed: (_request, response, _id, error) => void response.writeHead(500).end(String(error)),
    handler: handler ?? echo,
  });
  const port = await server.listen(0, '127.0.0.1');
  const client = await RawClient.open(port);
  t.teardown(async () => {
    client.close();
    watch.stop();
    await server.close();
  });
  return { clock, client, server };
}

type Manner = 'plain' | 'plain with body' | 'chunked' | 'odd';

function requestOf(manner: Manner, index: number): string {
  const body = `body-${index}-${'x'.repeat(index * 97)}`;
  if (manner === 'plain') return `GET /${index} HTTP/1.1\r\nHost: h\r\n\r\n`;
  if (manner === 'odd') return `GET /${index} HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2\r\n\r\n`;
  const line = `PUT /${index} HTTP/1.1\r\nHost: h\r\n`;
  if (manner === 'plain with body') return `${line}Content-Length: ${body.length}\r\n\r\n${body}`;
  return `${line}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

test('however requests are mixed, sent ahead and cut, each is answered once and in order', async (t) => {
  const manners = fc.array(fc.constantFrom<Manner>('plain', 'plain with body', 'chunked', 'odd'), {
    minLength: 1,
    maxLength: 8,
  });
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(manners, cuts, async (mix, shares) => {
      const { client } = await serve(t);
      const text = mix.map(requestOf).join('');
      const at = [
        0,
        ...shares.map((share) => Math.floor(share * text.length)).sort((a, b) => a - b),
        text.length,
      ];
      for (let i = 0; i + 1 < at.length; i++) {
        client.send(text.slice(at[i], at[i + 1]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.until(new RegExp(`</${mix.length - 1} [^>]*>`));
      const answered = [...client.received.matchAll(/<\/(\d+) ([^>]*)>/g)].map(([, index, body]) => [
        index,
        body,
      ]);
      const expected = mix.map((manner, index) => [
        String(index),
        manner.startsWith('plain with') || manner === 'chunked'
          ? `body-${index}-${'x'.repeat(index * 97)}`
          : '',
      ]);
      t.deepEqual(answered, expected);
      client.close();
    }),
    { numRuns: 60 },
  );
});

test('a large body lands where its taker wants it, and nothing of the next request with it', async (t) => {
  const sizeBytes = 3_000_000;
  const memory = Buffer.alloc(sizeBytes);
  let landedBytes = 0;
  let inPlaceBytes = 0;
  const watch = new BodyWatch(new ManualClock());
  t.teardown(() => watch.stop());
  const { client } = await serve(t, (request, response) => {
    if (request.url !== '/large') return void response.end(`<${request.url}>`);
    const sink = {
      room: () => memory.subarray(landedBytes),
      write(bytes: Uint8Array) {
        if (bytes.buffer === memory.buffer) inPlaceBytes += bytes.length;
        else memory.set(bytes, landedBytes);
        landedBytes += bytes.length;
      },
      end: () => void response.end('<large>'),
      fail: (error: Error) => t.fail(error.message),
    };
    requestBody(request, response, { watch, maxBytes: sizeBytes }).start(sink);
  });
  const body = seededRandom(3).fill(Buffer.alloc(sizeBytes));
  client.send(`PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
  client.send(Buffer.concat([body, Buffer.from(requestOf('plain', 7))]));
  await client.until(/<large>[\s\S]*<\/7>/);
  t.is(landedBytes, sizeBytes);
  t.true(memory.equals(body));
  t.true(inPlaceBytes > sizeBytes - 4 * limits.httpReadBytes, `${inPlaceBytes} bytes were not copied`);
});

test('a client that has sent everything still gets its answer', async (t) => {
  const { client } = await serve(t);
  client.socket.end(requestOf('plain with body', 3));
  await client.until(/<\/3 body-3-x+>/);
  await client.closed;
  t.pass();
});

test('a connection without requests is closed in time, and not before', async (t) => {
  const { clock, client } = await serve(t);
  client.send(requestOf('plain', 1));
  await client.until(/<\/1 >/);
  let closed = false;
  void client.closed.then(() => {
    closed = true;
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  clock.advance(limits.httpIdleTimeoutMs / 2);
  await turn();
  t.false(closed);
  for (let round = 0; round < 8; round++) {
    clock.advance(limits.httpIdleTimeoutMs / 4);
    await turn();
  }
  await client.closed;
  t.pass();
});

for (const { name: lane, line } of HTTP_LANES) {
  const ask = (method: string, url: string) => `${method} ${url} HTTP/1.1\r\n${line}Host: h\r\n\r\n`;

  test(`${lane}: an answer of unknown length comes in chunks`, async (t) => {
    const { client } = await serve(t, (_request, response) => {
      response.writeHead(200, ['Content-Type', 'text/plain']);
      response.write('one');
      response.write('');
      response.write(Buffer.from('two'));
      response.end('three');
    });
    client.send(ask('GET', '/'));
    await client.until(/chunked[\s\S]*\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n$/);
    client.forget();
    client.send(ask('HEAD', '/'));
    await client.until(/\r\n\r\n/);
    client.forget();
    client.send(ask('GET', '/'));
    const [, rest] = await client.until(/^(HTTP[\s\S]*0\r\n\r\n)$/);
    t.true(rest?.startsWith('HTTP/1.1 200 OK'));
  });

  test(`${lane}: a status that has no body gets none`, async (t) => {
    const { client } = await serve(t, (_request, response) => void response.writeHead(204).end());
    client.send(ask('DELETE', '/'));
    await client.until(/^HTTP\/1.1 204 No Content\r\n[\s\S]*\r\n\r\n$/);
    t.notRegex(client.received, /chunked|content-length/i);
  });

  test(`${lane}: no value of a header can begin another`, async (t) => {
    const { client } = await serve(t, (_request, response) => {
      response.writeHead(200, ['ETag', 'a\r\nSet-Cookie: b']).end();
    });
    client.send(ask('GET', '/'));
    await client.until(/^HTTP\/1.1 500 /);
    t.false(client.received.includes('\r\nSet-Cookie'));
  });

  test(`${lane}: a body larger than what a socket takes arrives in order`, async (t) => {
    const piece = Buffer.alloc(1 << 20);
    const { client } = await serve(t, async (_request, response) => {
      response.writeHead(200, ['Content-Length', String(16 * piece.length)]);
      for (let i = 0; i < 16; i++) {
        piece.fill(65 + i);
        // The buffer is used again as soon as it may be.
        await new Promise<void>((resolve) => response.write(piece, () => resolve()));
      }
      response.end();
    });
    let bytes = 0;
    let seen = '';
    const whole = new Promise<void>((resolve) => {
      client.socket.on('data', (packet: Buffer) => {
        bytes += packet.length;
        seen += [...new Set(packet.toString('latin1'))].join('');
        if (bytes > 16 * piece.length) resolve();
      });
    });
    client.send(ask('GET', '/'));
    await whole;
    t.regex(seen.replace(/(.)\1+/g, '$1'), /ABCDEFGHIJKLMNOP$/);
  });
}
