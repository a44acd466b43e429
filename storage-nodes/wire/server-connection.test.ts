// Owns the cases of a connection that sends what no gateway sends, or not in time: it is closed with a
// reason, and a connection beside it notices nothing.

import test, { type ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import { chunkOf } from '#storage-nodes/chunks/suite/suite-support.ts';
import { FakeSocket, OneListener } from '#tests/support/fake-socket.ts';
import { callFrame, fieldsOf, frameOf, helloFrame, proofFrame } from '#tests/support/wire-frames.ts';
import { credentialsOf, WIRE_DEVICE, WIRE_NODE } from '#tests/support/wire-transports.ts';
import { probeCall, putCall, readCall } from './calls.ts';
import { FRAME, HEADER_BYTES } from './frame.ts';
import { newHello, writeHello } from './handshake.ts';
import { connectNode } from './node-connection.ts';
import { serveNode } from './node-server.ts';
import type { NodeConnection, WireRefusal } from './node-wire.ts';

const random = seededRandom(5);
const credentials = credentialsOf('tls');
const hello = helloFrame(random);
const nothing = Buffer.alloc(0);
const large = chunkOf(1, 100_000);
const turn = () => new Promise(setImmediate);

interface Beside {
  readonly clock: ManualClock;
  readonly refusals: WireRefusal[];
  readonly orderly: NodeConnection;
  /** A connection that the test speaks on; its handshake is done unless it says otherwise. */
  open(shakesHands?: boolean): FakeSocket;
}

async function serving(t: ExecutionContext): Promise<Beside> {
  const network = new OneListener();
  const clock = new ManualClock();
  const device = new MemoryChunkStore({ clock });
  const refusals: WireRefusal[] = [];
  const ends = { network, address: 'tcp:test:1', credentials, clock, random, node: WIRE_NODE } as const;
  const server = await serveNode({
    ...ends,
    device: (id) => (id === WIRE_DEVICE ? device : undefined),
    refused: (refusal) => refusals.push(refusal),
  });
  const orderly = connectNode(ends);
  await orderly.ping();
  t.teardown(async () => {
    await orderly.close();
    await server.close();
  });
  const open = (shakesHands = true) => {
    const socket = new FakeSocket();
    network.accept(socket);
    if (shakesHands) for (const frame of [hello, proofFrame]) socket.push(frame);
    return socket;
  };
  return { clock, refusals, orderly, open };
}

/** The first frame of a put whose bytes are to come in others. */
function opening(id: number): Buffer {
  const whole = callFrame(putCall, id, large, { bytes: large.data, checksums: large.checksums });
  const fields = whole.subarray(HEADER_BYTES, HEADER_BYTES + whole.readUInt16LE(4));
  return frameOf(FRAME.call, putCall.number, id, fields, 0);
}

const helloOfVersion = (lowestVersion: number, highestVersion: number) => {
  const own = { ...newHello(credentials, random, WIRE_NODE), lowestVersion, highestVersion };
  return frameOf(
    FRAME.hello,
    0,
    0,
    fieldsOf((fields) => writeHello(fields, own)),
    0,
  );
};

const probe = (id: number) => callFrame(probeCall, id, undefined);
const flipped = (frame: Buffer, at: number) => {
  const copy = Buffer.from(frame);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
};

const WRONG: readonly { what: string; frames: readonly Buffer[]; reason: RegExp; before?: true }[] = [
  {
    what: 'a version that nobody speaks',
    frames: [helloOfVersion(7, 9)],
    reason: /version 1 .* 7 to 9/,
    before: true,
  },
  { what: 'a call before the handshake', frames: [probe(1)], reason: /where none belongs/, before: true },
  { what: 'a proof before the hello', frames: [proofFrame], reason: /where none belongs/, before: true },
  {
    what: 'what is no frame at all',
    frames: [Buffer.from('GET / HTTP/1.1\r\nHost: strata\r\n\r\n')],
    reason: /beyond the limits|checksum/,
    before: true,
  },
  { what: 'a second handshake', frames: [hello], reason: /where none belongs/ },
  { what: 'an answer', frames: [frameOf(FRAME.answer, 0, 1, nothing, 0)], reason: /where none belongs/ },
  { what: 'an unknown kind', frames: [frameOf(99, 0, 1, nothing, 0)], reason: /kind 99/ },
  { what: 'an unknown call', frames: [frameOf(FRAME.call, 200, 1, nothing, 0)], reason: /number 200/ },
  { what: 'a call cut short', frames: [frameOf(FRAME.call, 8, 1, nothing, 0)], reason: /fewer fields/ },
  {
    what: 'a call with more than it has',
    frames: [frameOf(FRAME.call, 8, 1, Buffer.alloc(20), 0)],
    reason: /more fields/,
  },
  { what: 'a changed header', frames: [flipped(probe(1), 9)], reason: /checksum/ },
  { what: 'changed fields', frames: [flipped(probe(1), 18)], reason: /checksum/ },
  { what: 'data of no call', frames: [frameOf(FRAME.data, 0, 9, nothing, 10)], reason: /data of no call/ },
  { what: 'one call twice', frames: [opening(1), opening(1)], reason: /two calls with one id/ },
  {
    what: 'too much data',
    frames: [frameOf(FRAME.data, 0, 1, nothing, limits.wireFrameBytes + 1)],
    reason: /beyond the limits/,
  },
  {
    what: 'more data than announced',
    frames: [opening(1), frameOf(FRAME.data, 0, 1, nothing, 100_001)],
    reason: /more data than was announced/,
  },
  {
    what: 'more bytes than the window has',
    frames: Array.from({ length: limits.wireWindowBytes / 100_000 + 1 }, (_, id) => opening(id)),
    reason: /window/,
  },
  {
    what: 'more answers than the window has',
    frames: Array.from({ length: (2 * limits.wireWindowBytes) / limits.chunkBytes + 1 }, (_, id) =>
      callFrame(readCall, id, { id: large.id, offset: 0, length: limits.chunkBytes }),
    ),
    reason: /window/,
  },
];

for (const { what, frames, reason, before } of WRONG) {
  test(`who sends ${what} is cut off, and nobody else`, async (t) => {
    const { refusals, orderly, open } = await serving(t);
    const beside = open();
    const socket = open(!before);
    for (const frame of frames) socket.push(frame);
    t.true(socket.isClosed);
    t.is(refusals.length, 1);
    t.regex(refusals[0]?.reason ?? '', reason);
    t.false(beside.isClosed);
    await orderly.device(WIRE_DEVICE).put(large);
  });
}

const SLOW: readonly {
  what: string;
  frames: readonly Buffer[];
  reason: RegExp;
  before?: true;
  afterMs: number;
}[] = [
  {
    what: 'a handshake',
    frames: [hello],
    reason: /handshake/,
    before: true,
    afterMs: limits.wireHandshakeMs,
  },
  {
    what: 'a header',
    frames: [probe(1).subarray(0, 5)],
    reason: /a frame did not/,
    afterMs: limits.wireFrameMs,
  },
  {
    what: 'fields',
    frames: [probe(1).subarray(0, 18)],
    reason: /a frame did not/,
    afterMs: limits.wireFrameMs,
  },
  {
    what: 'the data of a frame',
    frames: [opening(1), frameOf(FRAME.data, 0, 1, nothing, 90_000), Buffer.alloc(50_000)],
    reason: /a frame did not/,
    afterMs: limits.wireFrameMs,
  },
  {
    what: 'the bytes of a call',
    frames: [opening(1)],
    reason: /bytes of a call/,
    afterMs: limits.wirePayloadMs,
  },
  { what: 'anything', frames: [], reason: /silent/, afterMs: limits.wireIdleMs },
];

for (const { what, frames, reason, before, afterMs } of SLOW) {
  test(`who does not send ${what} in time is cut off, and nobody else`, async (t) => {
    const { clock, refusals, orderly, open } = await serving(t);
    const socket = open(!before);
    for (const frame of frames) socket.push(frame);
    for (let ms = 0; ms < afterMs - limits.wireTickMs; ms += limits.wireTickMs) {
      clock.advance(limits.wireTickMs);
      await turn();
    }
    t.false(socket.isClosed);
    for (let ms = 0; ms < 4 * limits.wireTickMs; ms += limits.wireTickMs) {
      clock.advance(limits.wireTickMs);
      await turn();
    }
    t.true(socket.isClosed);
    t.deepEqual(
      refusals.map((refusal) => reason.test(refusal.reason)),
      [true],
    );
    t.true(orderly.connected);
  });
}

test('a payload that is not what its checksums say is not stored, and its connection stays', async (t) => {
  const { refusals, orderly } = await serving(t);
  const chunks = orderly.device(WIRE_DEVICE);
  const damaged = { ...large, data: flipped(Buffer.from(large.data), 70_000) };
  const error = await t.throwsAsync(chunks.put(damaged), { message: /do not match/ });
  t.like(error, { code: 'chunk-corrupt' });
  t.is(await chunks.stat(large.id), undefined);
  await t.throwsAsync(chunks.put({ ...chunkOf(2, 10), checksums: Uint32Array.of(1) }), {
    message: /do not match/,
  });
  t.deepEqual(refusals, []);
});
