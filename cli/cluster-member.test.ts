// Tests a storage node's side of the cluster against control services that tell what they are told to.

import test from 'ava';
import { pino } from 'pino';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { ClusterMember } from './cluster-member.ts';
import { CallSigner, ClusterSecret } from './cluster-secret.ts';
import { type ControlServer, clusterService, serveControlCalls } from './control-grpc.ts';
import type { ClusterStateMessage } from './control-messages.ts';

/** Whoever retries does it at once. */
const clock: Clock = { ...systemClock, sleep: (_, signal) => systemClock.sleep(1, signal) };
const transport = { signer: new CallSigner(new ClusterSecret(Buffer.alloc(32, 7))), clock };
const logger = pino({ level: 'silent' });
const CLUSTER = 'c'.repeat(32);
const REQUEST = {
  ...{ cluster: '', node: 'node-1', zone: 'zone-1', disks: ['d'.repeat(32)] },
  ...{ address: 'unix:/somewhere', controlAddress: '127.0.0.1:1' },
};

function stateAt(revision: number, names: readonly string[]): ClusterStateMessage {
  const nodes = names.map((name) => ({ name, zone: 'zone-1', address: '', controlAddress: '' }));
  return { cluster: CLUSTER, revision, ring: new Uint8Array(), nodes, devices: [] };
}

interface Gateway {
  /** Of the state in which the node has joined; without it the gateway does not answer. */
  readonly joinedAt?: number;
  readonly tells: readonly ClusterStateMessage[];
  /** Resolves when everything has been told. */
  told?(): void;
}

function serve({ joinedAt, tells, told }: Gateway): Promise<ControlServer> {
  async function* watch(_: object, signal: AbortSignal) {
    yield* tells;
    told?.();
    // The first gateway ends, the others go on.
    if (joinedAt !== undefined) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  }
  const join = async () => {
    if (joinedAt === undefined) throw new Error('the log does not answer');
    return { cluster: CLUSTER, devices: [1], revision: joinedAt };
  };
  const services = [
    { service: clusterService, handlers: { Join: { once: join }, Watch: { stream: watch } } },
  ];
  return serveControlCalls({ ...transport, host: '127.0.0.1', port: 0, services });
}

test('an older state, from a gateway that lags behind, is not taken for the removal of a node', async (t) => {
  let toldAll = () => {};
  const all = new Promise<void>((resolve) => {
    toldAll = resolve;
  });
  const others = [stateAt(3, []), stateAt(4, ['node-2']), stateAt(6, ['node-1', 'node-2'])];
  const gateways = [
    await serve({ tells: others, told: toldAll }),
    // It has the node, and goes away before it could say so.
    await serve({ joinedAt: 5, tells: [] }),
  ];
  const addresses = gateways.map(({ port }) => `127.0.0.1:${port}`);
  const member = new ClusterMember({
    ...{ gateways: addresses, transport, logger },
    onRemoved: () => t.fail('it was taken for removed'),
  });
  t.deepEqual(await member.join(REQUEST), { cluster: CLUSTER, devices: [1], revision: 5 });
  t.deepEqual(
    member.state.nodes.map(({ name }) => name),
    ['node-1', 'node-2'],
  );
  await all;
  await member.close();
  for (const gateway of gateways) await gateway.close();
});

test('a node learns of its removal from any gateway that is as new as its joining', async (t) => {
  let removed = () => {};
  const end = new Promise<void>((resolve) => {
    removed = resolve;
  });
  const gateway = await serve({ joinedAt: 5, tells: [stateAt(5, ['node-1']), stateAt(6, ['node-2'])] });
  const gateways = [`127.0.0.1:${gateway.port}`];
  const member = new ClusterMember({ gateways, transport, logger, onRemoved: removed });
  await member.join(REQUEST);
  await end;
  t.pass();
  await member.close();
  await gateway.close();
});
