// Owns the network port on Node's sockets. Guarantees of the port: each `written` is called once, nothing is
// received before `start`, and a room is not written to once the socket was destroyed.
// Budget per read without TLS: no copy (the kernel writes into the receiver's room), no stream, no event.
// With TLS: one event and one copy into the room.

import { unlinkSync } from 'node:fs';
import { connect, createServer, isIP, type Server, type Socket as SystemSocket } from 'node:net';
import * as tls from 'node:tls';
import { assert } from './assert.ts';
import { limits } from './limits.ts';
import {
  type Address,
  type AddressParts,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  parseAddress,
  type Socket,
  type SocketReceiver,
  type TlsIdentity,
} from './network.ts';
import { readInto } from './read-into.ts';

export const nodeNetwork: Network = {
  async listen(address, accept, options) {
    const parts = partsOf(address);
    try {
      return await listenOn(parts, accept, options);
    } catch (error) {
      if (parts.kind === 'tcp' || !isAddressInUse(error) || (await answers(address))) throw error;
      // Whoever made the socket was killed before it could remove it.
      unlinkSync(parts.path);
      return await listenOn(parts, accept, options);
    }
  },
  async connect(address, options = {}) {
    if (options.signal?.aborted) throw new Error(GIVEN_UP);
    return options.tls ? connectTls(partsOf(address), options.tls, options) : connectPlain(address, options);
  },
};

const GIVEN_UP = 'nobody waits for the connection any more';

abstract class NodeSocket implements Socket {
  readonly peer: string;
  protected socket: SystemSocket;

  constructor(socket: SystemSocket) {
    this.socket = socket;
    this.peer = socket.remoteAddress ? `${socket.remoteAddress}:${socket.remotePort}` : 'this host';
    // An error before `start` is told by the close that follows.
    socket.on('error', ignore);
  }

  abstract start(receiver: SocketReceiver): void;

  write(bytes: Uint8Array, written?: () => void): void {
    this.socket.write(bytes, written);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  protected watch(receiver: SocketReceiver): void {
    let failure: Error | undefined;
    this.socket.on('error', (error) => {
      failure = error;
    });
    this.socket.on('close', () => receiver.closed(failure));
  }
}

class PlainSocket extends NodeSocket {
  start(receiver: SocketReceiver): void {
    const socket = readInto(this.socket, {
      room: () => receiver.room(),
      landed: (lengthBytes) => {
        receiver.landed(lengthBytes);
        return true;
      },
    });
    if (socket === undefined) {
      process.nextTick(() => receiver.closed(undefined));
      return;
    }
    this.socket = socket;
    this.watch(receiver);
    this.socket.resume();
  }
}

class TlsSocket extends NodeSocket {
  start(receiver: SocketReceiver): void {
    if (this.socket.destroyed) {
      process.nextTick(() => receiver.closed(undefined));
      return;
    }
    this.watch(receiver);
    this.socket.on('data', (bytes: Buffer) => {
      let taken = 0;
      while (taken < bytes.length && !this.socket.destroyed) {
        const room = receiver.room();
        const lengthBytes = Math.min(room.length, bytes.length - taken);
        room.set(bytes.subarray(taken, taken + lengthBytes));
        taken += lengthBytes;
        receiver.landed(lengthBytes);
      }
    });
    this.socket.resume();
  }
}

function listenOn(
  parts: AddressParts,
  accept: (socket: Socket) => void,
  options: ListenOptions | undefined,
): Promise<Listener> {
  const identity = options?.tls;
  let closed = false;
  const take = (socket: NodeSocket) => {
    if (closed) socket.destroy();
    else accept(socket);
  };
  const server: Server = identity
    ? tls.createServer(
        {
          ...credentialsOf(identity),
          requestCert: true,
          rejectUnauthorized: true,
          handshakeTimeout: limits.wireHandshakeMs,
          noDelay: true,
        },
        (socket) => take(new TlsSocket(socket.pause())),
      )
    : createServer({ pauseOnConnect: true, noDelay: true }, (socket) => take(new PlainSocket(socket)));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      parts.kind === 'tcp' ? { host: parts.host, port: parts.port } : { path: parts.path },
      () => {
        server.off('error', reject);
        // One connection could not be taken, for want of descriptors say: the others go on.
        server.on('error', ignore);
        resolve({
          address: addressOf(server, parts),
          close: async () => {
            if (closed) return;
            closed = true;
            server.close();
          },
        });
      },
    );
  });
}

function addressOf(server: Server, parts: AddressParts): Address {
  const bound = server.address();
  if (parts.kind === 'unix' || bound === null || typeof bound === 'string')
    return `unix:${parts.kind === 'unix' ? parts.path : bound}`;
  return bound.family === 'IPv6'
    ? `tcp:[${bound.address}]:${bound.port}`
    : `tcp:${bound.address}:${bound.port}`;
}

function connectPlain(address: Address, options: ConnectOptions): Promise<Socket> {
  const parts = partsOf(address);
  const socket = connect(parts.kind === 'tcp' ? { ...parts, noDelay: true } : { path: parts.path });
  // Nothing is read before there is a receiver.
  socket.pause();
  return connected(socket, 'connect', options, () => new PlainSocket(socket));
}

function connectTls(parts: AddressParts, identity: TlsIdentity, options: ConnectOptions): Promise<Socket> {
  const name = identity.serverName ?? (parts.kind === 'tcp' ? parts.host : 'localhost');
  const socket = tls.connect({
    ...(parts.kind === 'tcp' ? { host: parts.host, port: parts.port } : { path: parts.path }),
    ...credentialsOf(identity),
    // RFC 6066 knows names only.
    ...(isIP(name) === 0 && { servername: name }),
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
  });
  socket.setNoDelay(true);
  socket.pause();
  return connected(socket, 'secureConnect', options, () => new TlsSocket(socket));
}

function connected(
  socket: SystemSocket,
  event: 'connect' | 'secureConnect',
  { signal }: ConnectOptions,
  wrap: () => Socket,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const giveUp = () => socket.destroy(new Error(GIVEN_UP));
    const failed = (error?: Error) => {
      signal?.removeEventListener('abort', giveUp);
      reject(error ?? new Error('the connection was closed'));
    };
    const closed = () => failed();
    signal?.addEventListener('abort', giveUp, { once: true });
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, () => {
      socket.off('error', failed);
      socket.off('close', closed);
      signal?.removeEventListener('abort', giveUp);
      resolve(wrap());
    });
  });
}

function credentialsOf({ key, certificate, authority }: TlsIdentity) {
  return { key, cert: certificate, ca: authority, minVersion: 'TLSv1.3' as const };
}

function partsOf(address: Address): AddressParts {
  const parts = parseAddress(address);
  assert(parts !== undefined, `an address is tcp:host:port or unix:path, unlike ${address}`);
  return parts;
}

async function answers(address: Address): Promise<boolean> {
  try {
    (await connectPlain(address, {})).destroy();
    return true;
  } catch {
    return false;
  }
}

const isAddressInUse = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';

function ignore(): void {}
