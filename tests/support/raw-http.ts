// Owns a raw HTTP client for tests: writes exactly the bytes it is given and collects what comes back.

import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;
  #received = '';
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const wake = () => {
      for (const done of this.#waiting.splice(0)) done();
    };
    socket.on('data', (bytes) => {
      this.#received += bytes.toString('latin1');
      wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', wake);
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () =>
        resolve(new RawClient(socket)),
      );
      socket.once('error', reject);
    });
  }

  get received(): string {
    return this.#received;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Resolves when what was received holds `pattern`; throws when the connection ends without it. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#received);
      if (found) return found;
      if (this.socket.destroyed) throw new Error(`closed before ${pattern}: ${this.#received}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Forgets what was received so far. */
  forget(): void {
    this.#received = '';
  }

  close(): void {
    this.socket.destroy();
  }
}
