// Owns the cases of the wire that no device can show: who may connect, what becomes of calls when a node
// hangs, goes away and comes back, and how each end closes.

import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Address, Socket } from '#core/kernel/network.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import { chunkOf, faults, idOf } from '#storage-nodes/chunks/suite/suite-support.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { strangersIdentity } from '#tests/support/tls-identities.ts';
import {
  credentialsOf,
  type ServedDevice,
  type ServeOptions,
  serveDevice,
  WIRE_DEVICE,
  WIRE_NODE,
  WIRE_SECRET,
} from '#tests/support/wire-transports.ts';
import { connectNode } from './node-connection.ts';
import type { NodeConnection, NodeConnectionOptions } from './node-wire.ts';

async function served(
  t: ExecutionContext,
  device: NodeChunks = new MemoryChunkStore({ clock: systemClock }),
  options?: ServeOptions,
): Promise<ServedDevice> {
  const serving = await serveDevice(device, options);
  t.teardown(() => serving.close());
  return serving;
}

function connectionTo(
  t: ExecutionContext,
  address: Address,
  options: Partial<NodeConnectionOptions> = {},
): NodeConnection {
  const connection = connectNode({
    ...{ network: nodeNetwork, address, credentials: { secret: WIRE_SECRET }, node: WIRE_NODE },
    ...{ clock: systemClock, random: seededRandom(2), ...options },
  });
  t.teardown(() => connection.close());
  return connection;
}

/** Lets time pass in the steps in which both ends look at it, and what follows from it happen. */
async function pass(clock: ManualClock, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs <= forMs; passedMs += limits.wireTickMs) {
    clock.advance(limits.wireTickMs);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }
}

/** What becomes of a promise, without waiting for it. */
function outcomeOf(promise: Promise<unknown>): { error?: Error; value?: unknown; settled: boolean } {
  const outcome: { error?: Error; value?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { settled: true, value }),
    (error) => Object.assign(outcome, { settled: true, error }),
  );
  return outcome;
}

/** A device that answers nothing until it is told to. */
function hangingDevice(): { device: NodeChunks; wake: () => void } {
  const store = new MemoryChunkStore({ clock: systemClock });
  let wake: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const device: NodeChunks = Object.assign(Object.create(store), {
    put: (chunk: Parameters<NodeChunks['put']>[0]) => gate.then(() => store.put(chunk)),
    stat: (id: Parameters<NodeChunks['stat']>[0]) => gate.then(() => store.stat(id)),
    read: (...given: Parameters<NodeChunks['read']>) => gate.then(() => store.read(...given)),
    status: () => store.status(),
  });
  return { device, wake };
}

test('who does not hold the secret gets no further than the handshake, on either side', async (t) => {
  const { server, refusals } = await served(t);
  const stranger = connectionTo(t, server.address, { credentials: { secret: Buffer.alloc(32, 1) } });
  const error = await t.throwsAsync(stranger.device(WIRE_DEVICE).probe());
  t.true(isFault(error, 'unreachable'));
  t.regex(error?.message ?? '', /does not hold the secret/);
  t.regex(refusals[0]?.reason ?? '', /does not hold the secret/);
  t.is(server.counters.calls, 0);
});

test('a node that is not the one that was meant is refused by its name', async (t) => {
  const { server } = await served(t);
  const error = await t.throwsAsync(connectionTo(t, server.address, { node: 'node-b' }).ping());
  t.regex(error?.message ?? '', /this is node node-a, and node-b was meant/);
});

test('TLS wants a certificate of the right authority from both sides', async (t) => {
  const { server, chunks } = await served(t, undefined, { transport: 'tls' });
  await chunks.probe();
  const stranger = connectionTo(t, server.address, { credentials: { tls: strangersIdentity } });
  await faults(t, 'unreachable', stranger.ping());
  const plain = connectionTo(t, server.address);
  await faults(t, 'unreachable', plain.ping());
  const { tls } = credentialsOf('tls') as { tls: typeof strangersIdentity };
  const elsewhere = connectionTo(t, server.address, { credentials: { tls: { ...tls, serverName: 'moon' } } });
  const error = await t.throwsAsync(elsewhere.ping());
  t.regex(error?.message ?? '', /moon/);
  t.is(server.counters.calls, 1);
});

test('a gateway that proves itself by TLS is told when the node wants the secret', async (t) => {
  const { server, refusals } = await served(t);
  const wrong = connectionTo(t, server.address, { credentials: credentialsOf('tls') });
  await faults(t, 'unreachable', wrong.ping());
  t.is(refusals.length, 1);
});

test('a device that the node has not is unreachable, and the others are not', async (t) => {
  const { connection, chunks } = await served(t);
  await faults(t, 'unreachable', connection.device(99).put(chunkOf(1, 100)));
  await faults(t, 'unreachable', connection.device(99).put(chunkOf(1, limits.chunkBytes)));
  await faults(t, 'unreachable', connection.device(99).read(idOf(1), 0, limits.chunkBytes));
  await chunks.put(chunkOf(1, limits.chunkBytes));
  t.is(connection.device(99), connection.device(99));
});

test('a ping tells the time of the node', async (t) => {
  const { connection } = await served(t);
  const { nowMs, roundTripMs } = await connection.ping();
  t.true(Math.abs(nowMs - systemClock.nowMs()) < 60_000);
  t.true(roundTripMs >= 0);
  t.true(connection.connected);
});

test('calls to a device that hangs fail in time, others go on, and late answers harm nobody', async (t) => {
  const clock = new ManualClock();
  const { device, wake } = hangingDevice();
  const { chunks, connection, refusals } = await served(t, device, { clock, callMs: 5_000 });
  await chunks.status();
  const target = Buffer.alloc(limits.chunkBytes + limits.blockBytes, 1);
  const hanging = [
    chunks.put(chunkOf(1, 200_000)),
    chunks.stat(idOf(1)),
    chunks.read(idOf(1), 0, 200_000, target),
  ].map(outcomeOf);
  await pass(clock, 3_000);
  t.true(hanging.every(({ settled }) => !settled));
  await chunks.status();
  await pass(clock, 3_000);
  for (const { error } of hanging) t.true(isFault(error, 'timeout'), String(error));
  wake();
  await chunks.status();
  t.is((await chunks.stat(idOf(1)))?.sizeBytes, 200_000);
  t.is((await chunks.read(idOf(1), 0, 200_000)).length, 200_000);
  t.true(target.every((byte) => byte === 1));
  t.true(connection.connected);
  t.deepEqual(refusals, []);
});

test('more bytes than a window has wait for their turn, and one device for no other', async (t) => {
  const { device, wake } = hangingDevice();
  const { chunks } = await served(t, device);
  const count = (2 * limits.wireWindowBytes) / limits.chunkBytes;
  const puts = Array.from({ length: count }, (_, number) => chunks.put(chunkOf(number, limits.chunkBytes)));
  t.is((await chunks.status()).chunks, 0);
  wake();
  await Promise.all(puts);
  t.is((await chunks.status()).chunks, count);
});

test('a node that answers nothing at all is given up, with what was asked of it', async (t) => {
  const clock = new ManualClock();
  const taken: Socket[] = [];
  const listener = await nodeNetwork.listen('tcp:127.0.0.1:0', (socket) => taken.push(socket));
  t.teardown(() => {
    for (const socket of taken) socket.destroy();
    return listener.close();
  });
  const connection = connectionTo(t, listener.address, { clock, callMs: 30_000 });
  const call = outcomeOf(connection.ping());
  while (taken.length === 0) await new Promise(setImmediate);
  await pass(clock, limits.wireHandshakeMs + 1_000);
  t.true(isFault(call.error, 'unreachable'), String(call.error));
});

test('a connection finds its node again when that comes back, and fails at once meanwhile', async (t) => {
  const store = new MemoryChunkStore({ clock: systemClock });
  const first = await serveDevice(store);
  const connection = connectionTo(t, first.server.address);
  const chunks = connection.device(WIRE_DEVICE);
  await chunks.put(chunkOf(1, 5_000));
  await first.close();
  await faults(
    t,
    'unreachable',
    untilItFails(() => chunks.probe()),
  );
  t.false(connection.connected);
  await served(t, store, { address: first.server.address });
  await untilItWorks(() => chunks.probe());
  t.is((await chunks.read(idOf(1), 0, 5_000)).length, 5_000);
});

async function untilItFails(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await attempt();
    await new Promise(setImmediate);
  }
}

async function untilItWorks(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch {
      await systemClock.sleep(10);
    }
  }
}

test('a connection that is closed fails what is in flight, and whatever is asked of it then', async (t) => {
  const { device } = hangingDevice();
  const { connection, chunks, server } = await served(t, device);
  await chunks.status();
  const hanging = [chunks.stat(idOf(1)), chunks.put(chunkOf(1, 900_000))].map(outcomeOf);
  await connection.close();
  await connection.close();
  for (const { error } of hanging) t.true(isFault(error, 'closed'), String(error));
  await faults(t, 'closed', chunks.stat(idOf(1)));
  while (server.counters.connections > 0) await new Promise(setImmediate);
  t.is(server.counters.refused, 0);
});

test('a server that closes finishes what it has begun, and refuses what comes after', async (t) => {
  const { device, wake } = hangingDevice();
  const { chunks, server } = await served(t, device);
  await chunks.status();
  const begun = chunks.put(chunkOf(1, limits.chunkBytes));
  // It has arrived when what was sent after it is answered.
  await chunks.status();
  while (server.counters.receivedBytes < limits.chunkBytes) await new Promise(setImmediate);
  const closing = server.close();
  await new Promise(setImmediate);
  await faults(t, 'closed', chunks.put(chunkOf(2, limits.chunkBytes)));
  wake();
  await begun;
  await closing;
  t.is(server.counters.connections, 0);
});

test('a server whose calls hang closes all the same, after its time', async (t) => {
  const clock = new ManualClock();
  const { device } = hangingDevice();
  const { chunks, server } = await served(t, device, { clock });
  await chunks.status();
  const hanging = outcomeOf(chunks.stat(idOf(1)));
  await chunks.status();
  const closing = outcomeOf(server.close());
  await pass(clock, limits.wireCloseMs + 1_000);
  t.true(closing.settled);
  t.true(isFault(hanging.error, 'unreachable'), String(hanging.error));
});

test('an idle connection stays, for it is asked now and then whether it is there', async (t) => {
  const clock = new ManualClock();
  const { chunks, connection, refusals } = await served(t, undefined, { clock });
  await chunks.probe();
  await pass(clock, 3 * limits.wireIdleMs);
  t.true(connection.connected);
  t.deepEqual(refusals, []);
});
