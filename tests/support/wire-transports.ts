// Owns the ways in which tests reach a device over the wire: TCP, a Unix socket and TLS, each with a server
// of its own that is closed with its test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import type { Address } from '#core/kernel/network.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import { serveNode } from '#storage-nodes/wire/node-server.ts';
import type {
  NodeConnection,
  NodeServer,
  WireCredentials,
  WireRefusal,
} from '#storage-nodes/wire/node-wire.ts';
import { memberIdentity } from './tls-identities.ts';

export const WIRE_SECRET = Buffer.from('a secret of thirty-two bytes, yes');
export const WIRE_NODE = 'node-a';
export const WIRE_DEVICE = 7;

export type WireTransport = 'tcp' | 'unix' | 'tls';
export const WIRE_TRANSPORTS: readonly WireTransport[] = ['tcp', 'unix', 'tls'];

export function credentialsOf(transport: WireTransport): WireCredentials {
  return transport === 'tls' ? { tls: memberIdentity } : { secret: WIRE_SECRET };
}

export interface ServedDevice {
  readonly server: NodeServer;
  readonly refusals: WireRefusal[];
  readonly connection: NodeConnection;
  /** The device, over the wire. */
  readonly chunks: NodeChunks;
  /** Closes both ends. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly transport?: WireTransport;
  readonly clock?: Clock;
  readonly callMs?: number;
  readonly address?: Address;
}

/** Serves one device under the id WIRE_DEVICE. */
export async function serveDevice(device: NodeChunks, options: ServeOptions = {}): Promise<ServedDevice> {
  const { transport = 'tcp', clock = systemClock, callMs } = options;
  const directory = transport === 'unix' ? mkdtempSync(join(tmpdir(), 'strata-')) : undefined;
  const own: Address = directory === undefined ? 'tcp:127.0.0.1:0' : `unix:${join(directory, 'node.sock')}`;
  const refusals: WireRefusal[] = [];
  const ends = {
    network: nodeNetwork,
    credentials: credentialsOf(transport),
    clock,
    random: seededRandom(1),
    node: WIRE_NODE,
  };
  const server = await serveNode({
    ...ends,
    address: options.address ?? own,
    device: (id) => (id === WIRE_DEVICE ? device : undefined),
    refused: (refusal) => refusals.push(refusal),
  });
  const connection = connectNode({
    ...ends,
    address: server.address,
    ...(callMs !== undefined && { callMs }),
  });
  return {
    server,
    refusals,
    connection,
    chunks: connection.device(WIRE_DEVICE),
    close: async () => {
      await connection.close();
      await server.close();
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
