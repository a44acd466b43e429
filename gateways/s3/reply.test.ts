// Owns the proof of answers: of those that take long the client hears before it gives up, and how they ended;
// and of dates as documents have them.

import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { isoDate, replyWhenDone } from './reply.ts';

const DOCUMENT = '<?xml version="1.0" encoding="UTF-8"?>\n<Result/>';

interface Slow {
  readonly clock: ManualClock;
  readonly client: Promise<IncomingMessage>;
  readonly over: Promise<unknown>;
  finish(document: string): void;
  fail(error: Error): void;
}

/** A request whose answer ends when the test says so. */
async function slowRequest(t: ExecutionContext): Promise<Slow> {
  const clock = new ManualClock();
  let finish: Slow['finish'] = () => undefined;
  let fail: Slow['fail'] = () => undefined;
  const work = new Promise<{ document: string }>((resolve, reject) => {
    finish = (document) => resolve({ document });
    fail = reject;
  });
  let over: Promise<unknown> = Promise.resolve();
  let serve: () => void = () => undefined;
  const served = new Promise<void>((resolve) => {
    serve = resolve;
  });
  const server = createServer((_request, response) => {
    const call = { gateway: { hostId: 'host', clock }, response, requestId: 'ID' };
    over = replyWhenDone(call, work, (error) => DOCUMENT.replace('Result', (error as Error).message));
    over.catch(() => response.destroy());
    serve();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, resolve).on('error', reject);
  });
  client.catch(() => undefined);
  await served;
  return { clock, client, over, finish, fail };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

test('an answer that is soon there is sent whole', async (t) => {
  const slow = await slowRequest(t);
  slow.finish(DOCUMENT);
  const answer = await slow.client;
  t.is(answer.headers['content-length'], String(DOCUMENT.length));
  t.is(await textOf(answer), DOCUMENT);
});

test('an error that is soon there is left to whoever answers errors', async (t) => {
  const slow = await slowRequest(t);
  slow.fail(new Error('Early'));
  await t.throwsAsync(slow.over, { message: 'Early' });
  await t.throwsAsync(slow.client);
});

test('an answer that takes long begins, waits in white space, and is one document in the end', async (t) => {
  const slow = await slowRequest(t);
  slow.clock.advance(10_000);
  const answer = await slow.client;
  t.is(answer.statusCode, 200);
  t.is(answer.headers['content-length'], undefined);
  slow.clock.advance(10_000);
  slow.finish(DOCUMENT);
  t.regex(await textOf(answer), /^<\?xml version="1.0" encoding="UTF-8"\?>\n +<Result\/>$/);
});

test('what goes wrong late is told in the document', async (t) => {
  const slow = await slowRequest(t);
  slow.clock.advance(10_000);
  const answer = await slow.client;
  slow.fail(new Error('Late'));
  t.regex(await textOf(answer), /^<\?xml [^>]*>\n +<Late\/>$/);
});

test('dates in documents are those of the calendar, in whole seconds', (t) => {
  const times = fc.oneof(fc.nat(4_102_444_800_000), fc.nat(2 * 86_400_000));
  fc.assert(
    fc.property(times, (timeMs) => isoDate(timeMs) === `${new Date(timeMs).toISOString().slice(0, 19)}.000Z`),
  );
  t.is(isoDate(1_700_000_000_999), '2023-11-14T22:13:20.000Z');
});
