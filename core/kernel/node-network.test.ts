// Owns the proof that Node's sockets keep the promises of the network port, over TCP and Unix sockets.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Address, parseAddress, type Socket, type SocketReceiver } from './network.ts';
import { nodeNetwork } from './node-network.ts';

/** Keeps what lands, in rooms of changing size that it wipes afterwards. */
class Recorder implements SocketReceiver {
  readonly ended: Promise<Error | undefined>;
  readonly #pieces: Buffer[] = [];
  #room = Buffer.alloc(1);
  #end!: (error: Error | undefined) => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  room(): Uint8Array {
    this.#room = Buffer.alloc(1 + ((this.#pieces.length * 7919) % 70_000));
    return this.#room;
  }

  landed(lengthBytes: number): void {
    this.#pieces.push(Buffer.from(this.#room.subarray(0, lengthBytes)));
    this.#room.fill(0xee);
  }

  closed(error: Error | undefined): void {
    this.#end(error);
  }
}

function addresses(t: ExecutionContext): Address[] {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return ['tcp:127.0.0.1:0', `unix:${join(directory, 'socket')}`];
}

async function pair(t: ExecutionContext, address: Address): Promise<[Socket, Socket]> {
  let take: (socket: Socket) => void = () => undefined;
  const taken = new Promise<Socket>((resolve) => {
    take = resolve;
  });
  const listener = await nodeNetwork.listen(address, (socket) => take(socket));
  const near = await nodeNetwork.connect(listener.address);
  const far = await taken;
  t.teardown(() => {
    near.destroy();
    far.destroy();
    return listener.close();
  });
  return [near, far];
}

test('bytes arrive once, in order, both ways, and each write is told when it has gone', async (t) => {
  for (const address of addresses(t)) {
    const [near, far] = await pair(t, address);
    const [atNear, atFar] = [new Recorder(), new Recorder()];
    const body = Buffer.alloc(5_000_011, Buffer.from('0123456789abc'));
    let gone = 0;
    far.start(atFar);
    far.write(Buffer.from('hello '), () => gone++);
    near.start(atNear);
    near.cork();
    for (let at = 0; at < body.length; at += 999_983)
      near.write(body.subarray(at, at + 999_983), () => gone++);
    near.uncork();
    far.pause();
    far.resume();
    far.write(Buffer.from('there'), () => gone++);
    near.end();
    t.is(await atFar.ended, undefined);
    t.is(await atNear.ended, undefined);
    t.true(atFar.bytes.equals(body));
    t.is(atNear.bytes.toString(), 'hello there');
    t.is(gone, 2 + Math.ceil(body.length / 999_983));
  }
});

test('what is written and never taken is let go of when the socket is destroyed', async (t) => {
  for (const address of addresses(t)) {
    const [near, far] = await pair(t, address);
    const atNear = new Recorder();
    near.start(atNear);
    const gone = Promise.all(
      [1, 2, 3].map(() => new Promise<void>((resolve) => near.write(Buffer.alloc(8_000_000), resolve))),
    );
    near.destroy(new Error('enough'));
    t.is((await atNear.ended)?.message, 'enough');
    await gone;
    const atFar = new Recorder();
    far.start(atFar);
    await atFar.ended;
    t.true(atFar.bytes.length < 24_000_000);
  }
});

test('a closed listener takes nobody, and gives its address free', async (t) => {
  for (const address of addresses(t)) {
    const listener = await nodeNetwork.listen(address, (socket) => socket.destroy());
    await t.throwsAsync(
      nodeNetwork.listen(listener.address, () => undefined),
      { code: 'EADDRINUSE' },
    );
    await listener.close();
    await listener.close();
    await t.throwsAsync(nodeNetwork.connect(listener.address));
    const again = await nodeNetwork.listen(listener.address, (socket) => socket.destroy());
    await again.close();
  }
});

test('a connection is given up when its signal says so', async (t) => {
  const gone = AbortSignal.abort();
  await t.throwsAsync(nodeNetwork.connect('tcp:127.0.0.1:9', { signal: gone }), { message: /nobody waits/ });
});

test('a file in the way of a Unix socket is replaced only when nobody listens there', async (t) => {
  const [, address = 'unix:'] = addresses(t);
  writeFileSync(address.slice('unix:'.length), '');
  const listener = await nodeNetwork.listen(address, (socket) => socket.destroy());
  t.is(listener.address, address);
  await listener.close();
});

test('an address is read, or refused', (t) => {
  t.deepEqual(parseAddress('tcp:node-1.example:7000'), { kind: 'tcp', host: 'node-1.example', port: 7000 });
  t.deepEqual(parseAddress('tcp:[::1]:0'), { kind: 'tcp', host: '::1', port: 0 });
  t.deepEqual(parseAddress('unix:/run/strata.sock'), { kind: 'unix', path: '/run/strata.sock' });
  for (const wrong of [
    '',
    'tcp:',
    'tcp:host',
    'tcp::7000',
    'tcp:host:70000',
    'tcp:a:b:1',
    'unix:',
    '1.2.3.4:5',
  ])
    t.is(parseAddress(wrong), undefined, wrong);
});
