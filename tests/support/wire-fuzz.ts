// Owns the sending of wrong frames to either end of the wire. What it demands: nothing throws, every call
// settles, a connection that is not understood is closed and no other, memory does not grow, and whoever
// comes after in good order is served.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import { chunkOf, idOf } from '#storage-nodes/chunks/suite/suite-support.ts';
import {
  deleteCall,
  digestsCall,
  listCall,
  pingCall,
  putCall,
  readCall,
  statCall,
  type WireCall,
} from '#storage-nodes/wire/calls.ts';
import { ClientConnection } from '#storage-nodes/wire/client-connection.ts';
import { FRAME, HEADER_BYTES } from '#storage-nodes/wire/frame.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import { serveNode } from '#storage-nodes/wire/node-server.ts';
import { type Payload, payloadOf, writePayloadHead } from '#storage-nodes/wire/payload.ts';
import { PendingCall } from '#storage-nodes/wire/pending-call.ts';
import { FakeSocket, OneListener } from './fake-socket.ts';
import { mutated } from './frame-mutations.ts';
import { callFrame, fieldsOf, frameOf, helloFrame, proofFrame } from './wire-frames.ts';
import { credentialsOf, WIRE_DEVICE, WIRE_NODE } from './wire-transports.ts';

/** How much more memory may be held after all of it: what pools keep. */
const GROWTH_BYTES_MAX = 48 * MIB;
const FRAMES_PER_ROUND = 1_000;
const credentials = credentialsOf('tls');
/** Frames that a gateway in its right mind sends. */
function rightCalls(): Buffer[] {
  const chunk = chunkOf(1, 3_000);
  const [id, large] = [chunk.id, chunkOf(2, 100_000)];
  const payload = { bytes: chunk.data, checksums: chunk.checksums };
  const head = callFrame(putCall, 3, large, { bytes: large.data, checksums: large.checksums });
  const headBytes = HEADER_BYTES + head.readUInt16LE(4);
  const opening = frameOf(FRAME.call, putCall.number, 3, head.subarray(HEADER_BYTES, headBytes), 0);
  const data = frameOf(FRAME.data, 0, 3, Buffer.alloc(0), 2_000);
  return [
    callFrame(pingCall, 1, undefined),
    callFrame(putCall, 1, chunk, payload),
    callFrame(readCall, 2, { id, offset: 0, length: 3_000 }),
    callFrame(readCall, 2, { id, offset: 100, length: limits.chunkBytes }),
    callFrame(statCall, 4, id),
    callFrame(deleteCall, 4, id),
    callFrame(listCall, 4, { after: id, partition: { number: 1, power: 3 } }),
    callFrame(digestsCall, 4, { partitionPower: 3, partitions: 1 }, payloadOf(Buffer.alloc(4, 0))),
    opening,
    Buffer.concat([opening, data, large.data.subarray(0, 2_000)]),
    Buffer.concat([data, large.data.subarray(0, 2_000)]),
  ];
}

const turn = () => new Promise(setImmediate);

function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export async function fuzzServer(t: ExecutionContext, frames: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const network = new OneListener();
  const clock = new ManualClock();
  const store = new MemoryChunkStore({ clock, capacityBytes: 12 * MIB });
  const ends = { network, address: 'tcp:fuzz:1', credentials, clock, random, node: WIRE_NODE } as const;
  const server = await serveNode({ ...ends, device: (id) => (id === WIRE_DEVICE ? store : undefined) });
  const orderly = connectNode(ends);
  await orderly.ping();
  const right = rightCalls();
  let before = 0;
  let socket: FakeSocket | undefined;
  for (let sent = 0; sent < frames; sent++) {
    if (socket === undefined || socket.isClosed) {
      socket = new FakeSocket();
      network.accept(socket);
      socket.push(random.next() < 0.02 ? mutated(helloFrame(random), random) : helloFrame(random));
      socket.push(random.next() < 0.02 ? mutated(proofFrame, random) : proofFrame);
    }
    const frame = right[Math.floor(random.next() * right.length)] as Buffer;
    const bytes = random.next() < 0.7 ? mutated(frame, random) : frame;
    socket.push(bytes, random.next() < 0.2 ? 1 + Math.floor(random.next() * 50) : bytes.length);
    if (sent % 20 === 0) await turn();
    if (sent % FRAMES_PER_ROUND !== 0) continue;
    // One that was left in the middle of a frame is not waited for.
    socket.destroy();
    await turn();
    const chunk = chunkOf(1_000 + (sent % 7), 20_000);
    await orderly.device(WIRE_DEVICE).put(chunk);
    const found = await orderly.device(WIRE_DEVICE).read(chunk.id, 0, 20_000);
    if (!found.every((byte, at) => byte === chunk.data[at])) t.fail('what was put is not what is read');
    if (sent === 5 * FRAMES_PER_ROUND) before = heldBytes();
  }
  socket?.destroy();
  await turn();
  t.is(server.counters.connections, 1, 'only the orderly connection is left');
  t.true(server.counters.refused > frames / 10);
  const growthBytes = heldBytes() - before;
  t.true(growthBytes < GROWTH_BYTES_MAX, `memory grew by ${growthBytes} bytes`);
  await orderly.close();
  await server.close();
}

/** A call that a gateway has in flight, and the right answer to it. */
interface Asked {
  readonly call: PendingCall;
  readonly answer: Answer;
}

type Answer = (id: number) => Buffer;

/** Makes calls of several kinds, anew each time, with what does not change made once. */
function askingCalls(): (deadlineMs: number) => Asked[] {
  const chunk = chunkOf(1, 5_000);
  const payload = { bytes: chunk.data, checksums: chunk.checksums };
  const target = Buffer.alloc(limits.chunkBytes + limits.blockBytes);
  const answerOf = (fields: Buffer, data: Uint8Array = new Uint8Array(0)) => {
    return (id: number) => Buffer.concat([frameOf(FRAME.answer, 0, id, fields, data.length), data]);
  };
  const bytes = answerOf(
    fieldsOf((fields) => writePayloadHead(fields, payload)),
    chunk.data,
  );
  const nothing = answerOf(fieldsOf((fields) => writePayloadHead(fields, undefined)));
  const info = { id: chunk.id, sizeBytes: 5_000, createdMs: 1, owner: 'somebody' };
  const known = answerOf(
    fieldsOf((fields) => {
      writePayloadHead(fields, undefined);
      statCall.writeResult(fields, info);
    }),
  );
  const kinds = [
    { row: readCall, given: { id: idOf(1), offset: 0, length: 5_000 }, into: target, answer: bytes },
    { row: readCall, given: { id: idOf(1), offset: 0, length: 9_000 }, answer: bytes },
    { row: putCall, given: chunk, carried: payload, answer: nothing },
    { row: statCall, given: idOf(1), answer: known },
    { row: listCall, given: {}, answer: bytes },
  ] as {
    row: WireCall<unknown, unknown>;
    given: unknown;
    carried?: Payload;
    into?: Buffer;
    answer: Answer;
  }[];
  return (deadlineMs) =>
    kinds.map(({ row, given, carried, into, answer }) => ({
      call: new PendingCall(row, WIRE_DEVICE, given, carried, into, deadlineMs),
      answer,
    }));
}

export async function fuzzClient(t: ExecutionContext, frames: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const network = new OneListener();
  const options = { network, address: 'tcp:fuzz:1', credentials, clock, random, node: WIRE_NODE } as const;
  const newCalls = askingCalls();
  let [sent, answered, failed, before, unsettled] = [0, 0, 0, 0, 0];
  for (let round = 0; sent < frames; round++) {
    const socket = new FakeSocket();
    const connection = new ClientConnection(options, limits.wireCallMs, socket);
    socket.push(random.next() < 0.02 ? mutated(helloFrame(random), random) : helloFrame(random));
    socket.push(random.next() < 0.02 ? mutated(proofFrame, random) : proofFrame);
    const asked = connection.isOpen ? newCalls(clock.monotonicMs() + limits.wireCallMs) : [];
    for (const { call } of asked) {
      call.settled.then(
        () => answered++,
        () => failed++,
      );
      connection.issue(call);
    }
    const settledBefore = answered + failed;
    for (let frame = 0; frame < 8 && !socket.isClosed; frame++, sent++) {
      const { call, answer } = asked[Math.floor(random.next() * asked.length)] ?? {};
      const right = call && answer ? answer(call.id) : helloFrame(random);
      const bytes = random.next() < 0.6 ? mutated(right, random) : right;
      socket.push(bytes, random.next() < 0.2 ? 1 + Math.floor(random.next() * 50) : bytes.length);
    }
    connection.destroy('the round is over');
    sent++;
    await turn();
    unsettled += settledBefore + asked.length - answered - failed;
    if (round === 500) before = heldBytes();
  }
  t.is(unsettled, 0, 'every call has settled');
  t.true(answered > frames / 100 && failed > frames / 100, `${answered} answered, ${failed} failed`);
  const growthBytes = heldBytes() - before;
  t.true(growthBytes < GROWTH_BYTES_MAX, `memory grew by ${growthBytes} bytes`);
}
