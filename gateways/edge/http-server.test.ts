// Owns the proof that the server answers everything, crashes on nothing and ends in good order.

import test, { type ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { HTTP_LANES } from '#tests/support/http-lanes.ts';
import { RawClient } from '#tests/support/raw-http.ts';
import { BodyWatch } from './body-watch.ts';
import type { HttpResponse } from './http-messages.ts';
import { type AccessEntry, createHttpServer, type RequestHandler } from './http-server.ts';

async function serve(t: ExecutionContext, handler: RequestHandler) {
  const clock = new ManualClock();
  const watch = new BodyWatch(clock);
  const errors: [error: unknown, requestId: string][] = [];
  const entries: AccessEntry[] = [];
  let entered: () => void = () => undefined;
  const server = createHttpServer({
    watch,
    clock,
    random: systemRandom,
    handler,
    failed: (_request, response, requestId) => {
      response.writeHead(500, []);
      response.end(`failed ${requestId}`);
    },
    log: (error, requestId) => errors.push([error, requestId]),
    access: (entry) => {
      entries.push(entry);
      entered();
    },
  });
  const port = await server.listen(0, '127.0.0.1');
  const open = async () => {
    const client = await RawClient.open(port);
    t.teardown(() => client.close());
    return client;
  };
  t.teardown(() => watch.stop());
  const entry = () =>
    new Promise<AccessEntry>((resolve) => {
      const look = () => entries.length > 0 && resolve(entries.shift() as AccessEntry);
      entered = look;
      look();
    });
  return { clock, server, errors, open, entry, port };
}

test('an answer that waits behind another hears that its connection was lost', async (t) => {
  const waiting: HttpResponse[] = [];
  let told: () => void = () => undefined;
  const isTold = new Promise<void>((resolve) => {
    told = resolve;
  });
  const { server, open, entry } = await serve(t, (_request, response) => {
    waiting.push(response);
    if (waiting.length < 2) return;
    response.on('close', told);
    // Node gives it to a connection only when the first is over, and calls nobody back.
    response.write(Buffer.alloc(100_000), () => undefined);
    client.close();
  });
  const client = await open();
  // What makes it node's: both requests are read at once.
  const request = 'GET / HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n';
  client.send(request + request);
  await isTold;
  t.true(waiting[1]?.destroyed);
  t.is((await entry()).complete, false);
  t.is((await entry()).complete, false);
  await server.close();
});

for (const { name: lane, line } of HTTP_LANES) {
  test(`${lane}: a connection outlives the time that a dropped body might have taken`, async (t) => {
    const { clock, server, open } = await serve(t, (_request, response) => void response.end('no'));
    const client = await open();
    client.send(`PUT / HTTP/1.1\r\n${line}Host: h\r\nContent-Length: 10\r\n\r\n01234`);
    await client.until(/no$/);
    client.send('56789');
    for (let round = 0; round < 8; round++) {
      client.forget();
      client.send(`GET / HTTP/1.1\r\n${line}Host: h\r\n\r\n`);
      await client.until(/no$/);
      clock.advance(limits.httpBodyIdleTimeoutMs / 4);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.false(client.socket.destroyed);
    client.close();
    await server.close();
  });

  const GET = `GET /path?a=b HTTP/1.1\r\n${line}Host: h\r\nUser-Agent: tester\r\n\r\n`;

  test(`${lane}: each request has its own id, and one line of access log`, async (t) => {
    const ids: string[] = [];
    const { clock, server, open, entry } = await serve(t, (_request, response, requestId) => {
      ids.push(requestId);
      clock.advance(7);
      response.end('fine');
    });
    const client = await open();
    client.send(GET);
    await client.until(/fine/);
    client.send(GET);
    await client.until(/fine[\s\S]*fine/);
    t.is(new Set(ids).size, 2);
    for (const id of ids) t.regex(id, /^[0-9A-F]{16}$/);
    const { remoteAddress, ...rest } = await entry();
    t.regex(remoteAddress, /127\.0\.0\.1$/);
    t.deepEqual(rest, {
      requestId: ids[0] as string,
      method: 'GET',
      target: '/path?a=b',
      userAgent: 'tester',
      status: 200,
      durationMs: 7,
      complete: true,
    });
    client.close();
    await server.close();
  });

  test(`${lane}: what escapes the handler is answered in the dialect and logged`, async (t) => {
    const error = new Error('escaped');
    let now = false;
    const { server, errors, open } = await serve(t, () => {
      now = !now;
      if (now) throw error;
      return Promise.reject(error);
    });
    const client = await open();
    for (const manner of ['thrown', 'rejected']) {
      client.forget();
      client.send(GET);
      const [, id] = await client.until(/500 Internal Server Error[\s\S]*failed ([0-9A-F]{16})/);
      t.deepEqual(errors.shift(), [error, id], manner);
    }
    client.close();
    await server.close();
  });

  test(`${lane}: an error in the middle of an answer cuts the connection`, async (t) => {
    const { server, open, entry } = await serve(t, async (_request, response) => {
      response.writeHead(200, ['content-length', '10']);

      await new Promise<void>((resolve) => response.write('half', () => resolve()));
      throw new Error('escaped');
    });
    const client = await open();
    client.send(GET);
    await client.closed;
    t.true(client.received.endsWith('half'));
    t.false((await entry()).complete);
    await server.close();
  });

  test(`${lane}: a failing answer to a failure is still an answer`, async (t) => {
    const watch = new BodyWatch(new ManualClock());
    const server = createHttpServer({
      watch,
      clock: new ManualClock(),
      random: systemRandom,
      handler: () => Promise.reject(new Error('first')),
      failed: () => {
        throw new Error('second');
      },
    });
    const client = await RawClient.open(await server.listen(0, '127.0.0.1'));
    client.send(GET);
    await client.until(/500 Internal Server Error/);
    await client.closed;
    watch.stop();
    await server.close();
    t.pass();
  });

  test(`${lane}: what is no HTTP, or ambiguous, is a plain bad request`, async (t) => {
    const { server, open } = await serve(t, (_request, response) => void response.end('served'));
    const head = 'PUT / HTTP/1.1\r\nHost: h\r\n';
    for (const [text, status] of [
      ['nonsense\r\n\r\n', 400],
      [`${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
      [`${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400],
      [`${head}Content-Length: -1\r\n\r\n`, 400],
      [`${head}Transfer-Encoding: gzip\r\n\r\n`, 501],
      [`${head}Bad Header: x\r\n\r\n`, 400],
      [`${head}x: ${'y'.repeat(limits.httpHeaderBytes)}\r\n\r\n`, 431],
      [`${head}${'x: y\r\n'.repeat(limits.httpHeaders)}\r\n`, 431],
      [`${head}Expect: a-miracle\r\n\r\n`, 417],
    ] as const) {
      const client = await open();
      client.send(text);
      await client.until(new RegExp(`^HTTP/1.1 ${status} `));
      await client.closed;
      t.false(client.received.includes('served'), text.slice(0, 80));
    }
    await server.close();
  });

  test(`${lane}: a request with as many headers as allowed is served`, async (t) => {
    const { server, open } = await serve(t, (request, response) => {
      response.end(String(request.rawHeaders.length / 2));
    });
    const client = await open();
    client.send(`GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(limits.httpHeaders - 1)}Host: h\r\n\r\n`);
    await client.until(new RegExp(`\r\n\r\n${limits.httpHeaders}$`));
    client.close();
    await server.close();
    t.pass();
  });

  test(`${lane}: a closing server finishes what is in flight and takes nothing new`, async (t) => {
    let answer: HttpResponse | undefined;
    let handled: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      handled = resolve;
    });
    const { server, open, port } = await serve(t, (_request, response) => {
      answer = response;
      handled();
    });
    const [idle, busy] = [await open(), await open()];
    busy.send(GET);
    await arrived;
    const closed = server.close();
    await idle.closed;
    await t.throwsAsync(RawClient.open(port), { code: 'ECONNREFUSED' });
    answer?.end('at last');
    await busy.until(/at last/);
    await busy.closed;
    await closed;
    t.pass();
  });

  test(`${lane}: a closing server cuts off what outlasts the grace`, async (t) => {
    let handled: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      handled = resolve;
    });
    const { clock, server, open, entry } = await serve(t, () => handled());
    const client = await open();
    client.send(GET);
    await arrived;
    const closed = server.close();
    clock.advance(limits.shutdownGraceMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    t.false(client.socket.destroyed);
    clock.advance(1);
    await client.closed;
    await closed;
    const { status, complete } = await entry();
    t.is(status, 0);
    t.false(complete);
  });

  test(`${lane}: a port in use is an error of listen`, async (t) => {
    const { server, port } = await serve(t, () => undefined);
    const other = await serve(t, () => undefined);
    await t.throwsAsync(other.server.listen(port, '127.0.0.1'));
    await server.close();
    await other.server.close();
  });
}
