// Owns what the programs see of the wire: a storage node that serves its devices to gateways, and a gateway's
// connection to one node. serveNode() is in node-server.ts, connectNode() in node-connection.ts.

import type { Clock } from '#core/kernel/clock.ts';
import type { Address, Network, TlsIdentity } from '#core/kernel/network.ts';
import type { Random } from '#core/kernel/random.ts';
import type { NodeChunks, NodeOf } from '#storage-nodes/client/device-port.ts';

/**
 * How the two sides know each other: a secret that both hold (16 random bytes or more; it never goes over
 * the wire), or TLS on both sides. The secret proves who is there, it hides nothing and seals nothing: across
 * networks that others can write to, TLS is wanted.
 */
export type WireCredentials = { readonly secret: Uint8Array } | { readonly tls: TlsIdentity };

interface WireOptions {
  readonly network: Network;
  readonly address: Address;
  readonly credentials: WireCredentials;
  readonly clock: Clock;
  readonly random: Random;
}

export interface NodeServerOptions extends WireOptions {
  /** The node's name; a connection to a node of another name is refused. */
  readonly node: string;
  /** The devices of this node. */
  readonly device: NodeOf;
  /** Told of each connection that was closed because of what came over it. */
  readonly refused?: (refusal: WireRefusal) => void;
}

export interface WireRefusal {
  /** Who was on the other side. */
  readonly peer: string;
  readonly reason: string;
}

/** Only ever grow, but for `connections`. */
export interface NodeServerCounters {
  /** That are open now. */
  readonly connections: number;
  readonly calls: number;
  /** Connections closed for what came over them, or did not come in time. */
  readonly refused: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface NodeServer {
  /** With the port that was chosen. */
  readonly address: Address;
  readonly counters: NodeServerCounters;
  /** Takes no more calls, lets those in hand finish for limits.wireCloseMs, and closes every connection. */
  close(): Promise<void>;
}

export interface NodeConnectionOptions extends WireOptions {
  /** The name of the node that is meant. */
  readonly node: string;
  /** How long a call may take; limits.wireCallMs unless given. */
  readonly callMs?: number;
}

export interface PingAnswer {
  /** The other side's clock. */
  readonly nowMs: number;
  readonly roundTripMs: number;
}

/**
 * Connects by itself, and again when the connection is lost. Every call settles within its time: with
 * the fault `unreachable` when the node cannot be reached or the connection is lost, with `timeout` when no
 * answer came, with `closed` after close().
 */
export interface NodeConnection {
  /** Whether a call made now would go out at once. */
  readonly connected: boolean;
  /** Always the same for one id; whether the node has such a device shows when it is called. */
  device(deviceId: number): NodeChunks;
  ping(): Promise<PingAnswer>;
  /** Fails what is in flight. */
  close(): Promise<void>;
}
