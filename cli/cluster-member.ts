// Owns a storage node's side of the cluster: joining it, and knowing its state as the gateways tell it.
// Guarantee: the state only ever goes forward, whichever gateway tells it, and begins with the node in it;
// without any gateway the node goes on with what it knew.

import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import type { DevicesState } from '#core/devices/devices.decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { emptyRing, PlacedRing } from '#core/ring/placed-ring.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { ClusterView } from './cluster-view.ts';
import { ControlCaller, type ControlTransport, clusterService } from './control-grpc.ts';
import type { ClusterStateMessage, JoinReply, JoinRequest } from './control-messages.ts';
import { CommandFailed, explain } from './failure.ts';

export interface ClusterMemberOptions {
  /** host:port of the control service of one gateway or more. */
  readonly gateways: readonly string[];
  readonly transport: ControlTransport;
  readonly logger: Logger;
  /** Told when the cluster has no such node any more: the process should stop. */
  onRemoved(): void;
}

const WARN_EVERY = 20;

export class ClusterMember implements ClusterView {
  readonly #options: ClusterMemberOptions;
  readonly #callers: readonly ControlCaller[];
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  #request: JoinRequest | undefined;
  #id = '';
  #revision = -1;
  #state: Pick<DevicesState, 'nodes' | 'devices'> = { nodes: [], devices: [] };
  #ring: Ring = emptyRing(1, 1);
  #watching: Promise<void> = Promise.resolve();

  constructor(options: ClusterMemberOptions) {
    this.#options = options;
    const { gateways, transport } = options;
    this.#callers = gateways.map((address) => new ControlCaller(clusterService, address, transport));
    setMaxListeners(0, this.#closing.signal);
  }

  get id(): string {
    return this.#id;
  }

  get state(): Pick<DevicesState, 'nodes' | 'devices'> {
    return this.#state;
  }

  ring(): Ring {
    return this.#ring;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Asks one gateway after the other until one answers, and resolves when the state is known.
   * @throws CommandFailed when the cluster refuses the node.
   */
  async join(request: JoinRequest): Promise<JoinReply> {
    const joined = await this.#joinSomewhere(request);
    if (!joined) throw new CommandFailed('The node was stopped before it could join a cluster.');
    const { reply, gateway } = joined;
    this.#id = reply.cluster;
    // A gateway that lags behind would tell of a cluster without this node, as if it had been removed.
    this.#revision = reply.revision - 1;
    this.#request = { ...request, cluster: reply.cluster };
    const known = new Promise<void>((resolve) => {
      const forget = this.onChange(() => {
        forget();
        resolve();
      });
      this.#closing.signal.addEventListener('abort', () => resolve());
    });
    this.#watching = this.#watch(gateway);
    await known;
    return reply;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    for (const caller of this.#callers) caller.close();
  }

  /** Resolves to the answer and the number of the gateway that gave it. */
  async #joinSomewhere(
    request: JoinRequest,
  ): Promise<{ readonly reply: JoinReply; readonly gateway: number } | undefined> {
    const { logger, transport } = this.#options;
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const gateway = attempt % this.#callers.length;
      const caller = this.#callers[gateway] as ControlCaller;
      try {
        return { reply: await caller.call<JoinReply>('Join', request), gateway };
      } catch (error) {
        if (error instanceof CommandFailed) throw error;
        // Gateways may be starting beside us.
        const level = attempt % WARN_EVERY === WARN_EVERY - 1 ? 'warn' : 'info';
        logger[level]({ gateway: caller.address, reason: explain(error) }, 'no gateway answers yet');
        await transport.clock.sleep(limits.controlRetryMs, signal);
      }
    }
    return undefined;
  }

  /** Follows one gateway until it ends, then the next. @param first the number of that one */
  async #watch(first: number): Promise<void> {
    const { logger, transport } = this.#options;
    const { signal } = this.#closing;
    for (let turn = first; !signal.aborted; turn++) {
      const caller = this.#callers[turn % this.#callers.length] as ControlCaller;
      try {
        for await (const message of caller.stream<ClusterStateMessage>('Watch', {}, signal)) {
          this.#take(message);
        }
      } catch (error) {
        logger.warn(
          { gateway: caller.address, reason: explain(error) },
          'the gateway tells nothing any more',
        );
      }
      await transport.clock.sleep(limits.controlRetryMs, signal);
    }
  }

  #take(message: ClusterStateMessage): void {
    if (message.cluster !== this.#id || message.revision <= this.#revision) return;
    const { revision, ring, nodes, devices } = message;
    this.#revision = revision;
    this.#state = {
      nodes,
      devices: devices.map(({ weightMilli, ...device }) => ({ ...device, weight: weightMilli / 1_000 })),
    };
    if (ring.length > 0) this.#ring = PlacedRing.decode(ring);
    for (const listener of this.#listeners) listener();
    if (!nodes.some(({ name }) => name === this.#request?.node)) this.#options.onRemoved();
  }
}
