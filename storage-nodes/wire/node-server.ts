// Owns a storage node's end of the wire: the listener, the connections and their times. Guarantees that what
// one connection sends, or fails to send, closes that connection alone.

import { limits } from '#core/kernel/limits.ts';
import type { Socket } from '#core/kernel/network.ts';
import { NodeMemory } from './device-memory.ts';
import type { NodeServer, NodeServerCounters, NodeServerOptions } from './node-wire.ts';
import { ServerConnection } from './server-connection.ts';
import { everyTick } from './ticks.ts';

export async function serveNode(options: NodeServerOptions): Promise<NodeServer> {
  const server = new Server(options);
  return await server.listen();
}

class Server {
  readonly options: NodeServerOptions;
  readonly memory: NodeMemory;
  calls = 0;
  readonly #connections = new Set<ServerConnection>();
  readonly #stop = new AbortController();
  #refused = 0;
  /** Of connections that are closed. */
  #receivedBytes = 0;
  #sentBytes = 0;
  #closing = false;
  #drained: () => void = () => undefined;

  constructor(options: NodeServerOptions) {
    this.options = options;
    this.memory = new NodeMemory(options.clock);
  }

  async listen(): Promise<NodeServer> {
    const { network, address, credentials } = this.options;
    const tls = 'tls' in credentials ? { tls: credentials.tls } : undefined;
    const listener = await network.listen(address, (socket) => this.#take(socket), tls);
    void everyTick(this.options.clock, this.#stop.signal, (nowMs) => {
      for (const connection of this.#connections) connection.tick(nowMs);
    });
    const counters = () => this.#counters();
    let closed: Promise<void> | undefined;
    return {
      address: listener.address,
      get counters() {
        return counters();
      },
      close: () => {
        closed ??= listener.close().then(() => this.#close());
        return closed;
      },
    };
  }

  /** Of a connection that is closed for a reason. */
  refused(peer: string, reason: string): void {
    this.#refused++;
    this.options.refused?.({ peer, reason });
  }

  left(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#receivedBytes += connection.receivedBytes;
    this.#sentBytes += connection.sentBytes;
    if (this.#closing && this.#connections.size === 0) this.#drained();
  }

  #take(socket: Socket): void {
    if (this.#closing || this.#connections.size >= limits.wireConnections) {
      if (!this.#closing) this.refused(socket.peer, 'there are too many connections');
      socket.destroy();
      return;
    }
    this.#connections.add(new ServerConnection(this, socket));
  }

  async #close(): Promise<void> {
    this.#closing = true;
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    for (const connection of this.#connections) connection.close();
    if (this.#connections.size > 0) {
      const enough = new AbortController();
      const late = this.options.clock.sleep(limits.wireCloseMs, enough.signal);
      await Promise.race([drained, late]);
      enough.abort();
      for (const connection of this.#connections) connection.destroy();
      await drained;
    }
    this.#stop.abort();
    this.memory.close();
  }

  #counters(): NodeServerCounters {
    let [receivedBytes, sentBytes] = [this.#receivedBytes, this.#sentBytes];
    for (const connection of this.#connections) {
      receivedBytes += connection.receivedBytes;
      sentBytes += connection.sentBytes;
    }
    const { calls } = this;
    return { connections: this.#connections.size, calls, refused: this.#refused, receivedBytes, sentBytes };
  }
}
