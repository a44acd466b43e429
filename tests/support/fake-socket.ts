// Owns a socket that goes nowhere, or to its peer: a test pushes bytes into it, within one turn of the event
// loop.

import type { Network, Socket, SocketReceiver } from '#core/kernel/network.ts';

export class FakeSocket implements Socket {
  readonly peer = 'a test';
  /** What is written here arrives there. */
  peerSocket: FakeSocket | undefined;
  isClosed = false;
  #receiver: SocketReceiver | undefined;
  #room: Uint8Array = new Uint8Array(0);

  start(receiver: SocketReceiver): void {
    this.#receiver = receiver;
    this.#room = receiver.room();
  }

  /** In pieces of at most `pieceBytes`, as long as it is open. */
  push(bytes: Uint8Array, pieceBytes = bytes.length): void {
    let at = 0;
    while (at < bytes.length && !this.isClosed) {
      const lengthBytes = Math.min(this.#room.length, pieceBytes, bytes.length - at);
      this.#room.set(bytes.subarray(at, at + lengthBytes));
      at += lengthBytes;
      this.#receiver?.landed(lengthBytes);
      // As a real socket does: asked for even when it was closed meanwhile.
      this.#room = this.#receiver?.room() ?? this.#room;
    }
  }

  write(bytes: Uint8Array, written?: () => void): void {
    const { peerSocket } = this;
    if (!this.isClosed && peerSocket !== undefined) {
      const copy = Buffer.from(bytes);
      queueMicrotask(() => peerSocket.push(copy));
    }
    if (written !== undefined) queueMicrotask(written);
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { peerSocket } = this;
    queueMicrotask(() => {
      this.#receiver?.closed(undefined);
      peerSocket?.destroy();
    });
  }
}

/** A network whose only listener takes the sockets that a test gives it. */
export class OneListener implements Network {
  accept: (socket: Socket) => void = () => undefined;

  async listen(address: Parameters<Network['listen']>[0], accept: (socket: Socket) => void) {
    this.accept = accept;
    return { address, close: async () => undefined };
  }

  /** The far end of a new connection. */
  async connect(): Promise<Socket> {
    const [near, far] = [new FakeSocket(), new FakeSocket()];
    near.peerSocket = far;
    far.peerSocket = near;
    this.accept(far);
    return near;
  }
}
