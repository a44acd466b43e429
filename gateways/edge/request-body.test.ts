// Owns the proof that a body over a real socket comes whole or fails, and that an early answer reaches its
// client.

import test, { type ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { cutAt, PiecesSource, RecordingSink } from '#tests/support/byte-bodies.ts';
import { HTTP_LANES } from '#tests/support/http-lanes.ts';
import { RawClient } from '#tests/support/raw-http.ts';
import { BodyWatch } from './body-watch.ts';
import { collect } from './collect.ts';
import { createHttpServer, type RequestHandler } from './http-server.ts';
import { BodyFailure, type BodyFailureReason, requestBody } from './request-body.ts';

const MAX_BYTES = 100;
const CHUNKED = 'Host: h\r\nTransfer-Encoding: chunked\r\n\r\n';

interface Fixture {
  readonly clock: ManualClock;
  readonly watch: BodyWatch;
  readonly client: RawClient;
}

/** A server whose handler is `handler`, with one client. */
async function serve(
  t: ExecutionContext,
  handler: (body: ByteSource, ...rest: Parameters<RequestHandler>) => Promise<void> | void,
): Promise<Fixture> {
  const clock = new ManualClock();
  const watch = new BodyWatch(clock);
  const server = createHttpServer({
    watch,
    clock,
    random: systemRandom,
    failed: (_request, response) => void response.writeHead(500).end(),
    handler: (request, response, id) =>
      handler(requestBody(request, response, { watch, maxBytes: MAX_BYTES }), request, response, id),
  });
  const port = await server.listen(0, '127.0.0.1');
  const client = await RawClient.open(port);
  t.teardown(async () => {
    client.close();
    watch.stop();
    await server.close();
  });
  return { clock, watch, client };
}

/** A server that answers with what became of the body: its text, or the reason of its failure. */
async function echo(t: ExecutionContext, onSink?: (sink: RecordingSink, source: ByteSource) => void) {
  let told: (outcome: Buffer | Error) => void = () => undefined;
  const outcome = new Promise<Buffer | Error>((resolve) => {
    told = resolve;
  });
  const fixture = await serve(t, async (body, _request, response) => {
    const sink = new RecordingSink();
    onSink?.(sink, body);
    body.start(sink);
    const result = await sink.outcome;
    told(result);
    response.end(result instanceof BodyFailure ? result.reason : result.toString());
  });
  return { ...fixture, outcome };
}

function isFailure(t: ExecutionContext, outcome: Buffer | Error, reason: BodyFailureReason): void {
  t.true(outcome instanceof BodyFailure, String(outcome));
  if (outcome instanceof BodyFailure) t.is(outcome.reason, reason);
}

for (const { name: lane, line } of HTTP_LANES) {
  const put = (lengthBytes: number, more = '') =>
    `PUT / HTTP/1.1\r\n${line}Host: h\r\nContent-Length: ${lengthBytes}\r\n${more}\r\n`;

  test(`${lane}: a body comes whole, whichever way its length is told`, async (t) => {
    const { client } = await echo(t);
    client.send(`${put(5)}hel`);
    client.send('lo');
    await client.until(/\r\n\r\nhello$/);
    client.forget();
    client.send(`PUT / HTTP/1.1\r\n${CHUNKED}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`);
    await client.until(/hello/);
    client.forget();
    client.send(`GET / HTTP/1.1\r\n${line}Host: h\r\n\r\n`);
    await client.until(/Content-Length: 0/);
    t.pass();
  });

  test(`${lane}: a client that goes away leaves an incomplete body`, async (t) => {
    const { client, outcome } = await echo(t);
    client.send(`${put(5)}hel`);
    setImmediate(() => client.close());
    isFailure(t, await outcome, 'incomplete');
  });

  test(`${lane}: a client that half-closes too early leaves an incomplete body`, async (t) => {
    const { client, outcome } = await echo(t);
    client.socket.end(`${put(5)}hel`);
    isFailure(t, await outcome, 'incomplete');
  });

  test(`${lane}: a body announced as too large is refused before it is sent`, async (t) => {
    const { client, outcome } = await echo(t);
    client.send(put(MAX_BYTES + 1, 'Expect: 100-continue\r\n'));
    isFailure(t, await outcome, 'too-large');
    await client.until(/too-large/);
    t.false(client.received.includes('100 Continue'));
  });

  test(`${lane}: a body that turns out too large is refused then`, async (t) => {
    const { client, outcome } = await echo(t);
    client.send(`PUT / HTTP/1.1\r\n${CHUNKED}c8\r\n${'x'.repeat(200)}\r\n`);
    isFailure(t, await outcome, 'too-large');
    await client.until(/too-large/);
  });

  test(`${lane}: a body that stops moving fails after the time-out`, async (t) => {
    const { client, clock, watch, outcome } = await echo(t, (sink) => {
      const { write } = sink;
      sink.write = (bytes) => {
        write.call(sink, bytes);
        // Only once the bytes are here does time go on: a round that sees the movement, then a still one.
        watch.runOnce();
        clock.advance(limits.httpBodyIdleTimeoutMs - 1);
        watch.runOnce();
        if (sink.bytes.length < 2) return void setImmediate(() => client.send('e'));
        t.is(sink.settled, 0, 'one millisecond early');
        clock.advance(1);
        watch.runOnce();
      };
    });
    client.send(`${put(5)}h`);
    isFailure(t, await outcome, 'idle');
  });

  test(`${lane}: a body that waits for us is not idle`, async (t) => {
    const { client, clock, watch } = await echo(t, (sink, source) => {
      const { write } = sink;
      let first = true;
      sink.write = (bytes) => {
        write.call(sink, bytes);
        if (!first) return;
        first = false;
        source.pause();
        for (let round = 0; round < 5; round++) {
          clock.advance(limits.httpBodyIdleTimeoutMs);
          watch.runOnce();
        }
        source.resume();
        setImmediate(() => client.send('ello'));
      };
    });
    client.send(`${put(5)}h`);
    await client.until(/hello/);
    t.pass();
  });

  test(`${lane}: a paused body holds back, and goes on in order`, async (t) => {
    const sizes: number[] = [];
    const { client } = await serve(t, async (body, _request, response) => {
      const sink = new RecordingSink();
      const { write } = sink;
      let paused = false;
      sink.write = (bytes) => {
        t.false(paused);
        sizes.push(bytes.length);
        write.call(sink, bytes);
        paused = true;
        body.pause();
        setImmediate(() => {
          paused = false;
          body.resume();
        });
      };
      body.start(sink);
      response.end((await sink.outcome) as Buffer);
    });
    client.send(put(20));
    for (let index = 0; index < 10; index++) client.send(`${index},`);
    await client.until(/0,1,2,3,4,5,6,7,8,9,/);
    t.true(sizes.length >= 1);
  });

  test(`${lane}: 100 Continue is sent by the start of the body and not before`, async (t) => {
    let begin: () => void = () => undefined;
    const { client } = await serve(t, (body, request, response) => {
      if (request.method === 'GET') return void response.end('other');
      begin = () => void collect(body, MAX_BYTES).then((bytes) => response.end(bytes));
    });
    client.send(put(5, 'Expect: 100-continue\r\n'));
    // The server has seen the request when it answers another connection's later one.
    const other = await RawClient.open(client.socket.remotePort as number);
    other.send(`GET / HTTP/1.1\r\n${line}Host: h\r\n\r\n`);
    await other.until(/other/);
    other.close();
    t.is(client.received, '');
    begin();
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    client.send('hello');
    await client.until(/HTTP\/1\.1 200 OK[\s\S]*keep-alive[\s\S]*hello/);
  });

  test(`${lane}: an answer instead of 100 Continue ends the connection`, async (t) => {
    const { client } = await serve(t, (body, _request, response) => {
      body.cancel();
      response.writeHead(403).end('no');
    });
    client.send(put(5, 'Expect: 100-continue\r\n'));
    await client.until(/403 Forbidden[\s\S]*Connection: close[\s\S]*no/);
    await client.closed;
    t.false(client.received.includes('100 Continue'));
  });

  for (const manner of ['cancels', 'ignores'] as const) {
    test(`${lane}: a client whose body the server ${manner} gets its answer and may go on`, async (t) => {
      const { client } = await serve(t, (body, request, response) => {
        if (manner === 'cancels') body.cancel();
        response.writeHead(403).end(request.url ?? '');
      });
      const sizeBytes = limits.httpDrainBytes;
      client.send(put(sizeBytes).replace('/', '/first'));
      client.send(Buffer.alloc(sizeBytes));
      client.send(`GET /second HTTP/1.1\r\n${line}Host: h\r\n\r\n`);
      await client.until(/403 Forbidden[\s\S]*\/first[\s\S]*403 Forbidden[\s\S]*\/second/);
      t.pass();
    });

    test(`${lane}: the server ${manner} an endless body: its client is answered, then cut off`, async (t) => {
      const { client } = await serve(t, (body, _request, response) => {
        if (manner === 'cancels') body.cancel();
        response.writeHead(403).end('no');
      });
      client.send(put(1e12));
      await client.until(/403 Forbidden[\s\S]*no/);
      let sentBytes = 0;
      const piece = Buffer.alloc(1 << 20);
      while (!client.socket.destroyed) {
        sentBytes += piece.length;
        if (!client.socket.write(piece)) {
          await Promise.race([new Promise((go) => client.socket.once('drain', go)), client.closed]);
        }
      }
      t.true(sentBytes > limits.httpDrainBytes);
      t.true(sentBytes < 4 * limits.httpDrainBytes);
    });
  }

  test(`${lane}: a client that dribbles an unwanted body is cut off in time`, async (t) => {
    const { client, clock, watch } = await serve(t, (body, _request, response) => {
      body.cancel();
      response.end('no');
    });
    client.send(`${put(50)}h`);
    await client.until(/no$/);
    client.send('e');
    watch.runOnce();
    clock.advance(limits.httpBodyIdleTimeoutMs);
    watch.runOnce();
    await client.closed;
    t.pass();
  });

  test(`${lane}: a body is collected up to a limit`, async (t) => {
    const { client } = await serve(t, async (body, _request, response) => {
      const outcome = await collect(body, 8).catch((error: unknown) => error);
      response.end(outcome instanceof BodyFailure ? outcome.reason : (outcome as Buffer));
    });
    client.send(`${put(8)}12345678`);
    await client.until(/12345678/);
    client.forget();
    client.send(`${put(9)}123456789`);
    await client.until(/too-large/);
    client.forget();
    client.send(`PUT / HTTP/1.1\r\n${CHUNKED}5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n`);
    await client.until(/too-large/);
    t.pass();
  });

  test(`${lane}: a collected body may be cut anywhere, and is the same`, async (t) => {
    const text = Buffer.from('0123456789'.repeat(20_000));
    for (const cuts of [[], [1], [16_384], [10, 20_000, 70_000, 70_001, 150_000]]) {
      t.deepEqual(await collect(new PiecesSource(cutAt(text, cuts)), text.length), text);
      const source = new PiecesSource(cutAt(text, cuts));
      await t.throwsAsync(collect(source, text.length - 1), { instanceOf: BodyFailure });
      t.true(source.cancelled);
    }
    t.is((await collect(new PiecesSource([]), 0)).length, 0);
    await t.throwsAsync(collect(new PiecesSource([text], new Error('gone')), 1e6), { message: 'gone' });
  });
}
