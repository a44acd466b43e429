// Owns a balancer of connections before gateways under test, as operators have one: it asks each for its
// health and gives new connections to those that are well. It moves no connection and repeats no request.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '#core/kernel/clock.ts';

export interface Backend {
  readonly endpoints: { readonly s3: string; readonly admin: string };
}

const ASK_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 1_000;

export class LoadBalancer {
  readonly #backends: readonly (() => Backend)[];
  readonly #server: Server = createServer((client) => this.#connect(client));
  readonly #sockets = new Set<Socket>();
  readonly #stopping = new AbortController();
  readonly #isWell: boolean[];
  #asking: Promise<unknown> = Promise.resolve();
  #turn = 0;

  private constructor(backends: readonly (() => Backend)[]) {
    this.#backends = backends;
    this.#isWell = backends.map(() => false);
  }

  /** @param backends asked each time, for a gateway that was restarted may have other ports */
  static async start(backends: readonly (() => Backend)[]): Promise<LoadBalancer> {
    const balancer = new LoadBalancer(backends);
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve));
    balancer.#asking = Promise.all(backends.map((_, index) => balancer.#watch(index)));
    for (const index of backends.keys()) await balancer.untilHealth(index, true);
    return balancer;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the balancer takes a gateway for well, or no longer does. */
  async untilHealth(index: number, isWell: boolean): Promise<void> {
    while (this.#isWell[index] !== isWell) await systemClock.sleep(ASK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#asking;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #watch(index: number): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#isWell[index] = await this.#ask(index);
      await systemClock.sleep(ASK_EVERY_MS, this.#stopping.signal);
    }
  }

  async #ask(index: number): Promise<boolean> {
    try {
      const { admin } = (this.#backends[index] as () => Backend)().endpoints;
      const { status } = await fetch(`${admin}/healthz`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      return status === 200;
    } catch {
      return false;
    }
  }

  #connect(client: Socket): void {
    const well = this.#backends.filter((_, index) => this.#isWell[index]);
    const backend = well[this.#turn++ % Math.max(1, well.length)];
    if (!backend) {
      client.destroy();
      return;
    }
    const { hostname, port } = new URL(backend().endpoints.s3);
    const server = connect({ host: hostname, port: Number(port), noDelay: true });
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.once('error', () => to.destroy());
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
    }
  }
}
