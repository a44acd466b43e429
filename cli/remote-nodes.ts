// Owns the storage of a gateway whose nodes are programs of their own: chunks go over the wire, questions
// over node control. A node that does not answer is missing from what is told, and holds up nobody.

import { limits } from '#core/kernel/limits.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { createChunkClient } from '#storage-nodes/client/quorum-client.ts';
import type { CloudNodes, ObservedNode } from './cloud-nodes.ts';
import { ControlCaller, type ControlTransport, nodeService } from './control-grpc.ts';
import type { NodeStatus, RunOnceProgress } from './control-messages.ts';
import { heartbeats } from './device-daemons.ts';
import { NodeConnections, type NodeConnectionsOptions } from './node-connections.ts';
import type { Progress, ReportProgress } from './operations.ts';

export interface RemoteNodesOptions extends NodeConnectionsOptions {
  readonly transport: ControlTransport;
}

export function openRemoteNodes(options: RemoteNodesOptions): CloudNodes {
  return new RemoteNodes(options);
}

class RemoteNodes implements CloudNodes {
  readonly chunks: CloudNodes['chunks'];
  readonly device: CloudNodes['device'];
  readonly daemons: CloudNodes['daemons'];
  readonly areHere = false;
  readonly #options: RemoteNodesOptions;
  readonly #connections: NodeConnections;
  /** By the address of node control. */
  readonly #callers = new Map<string, ControlCaller>();
  readonly #closing = new AbortController();
  #status: { readonly askedMs: number; readonly answers: Promise<readonly ObservedNode[]> } | undefined;

  constructor(options: RemoteNodesOptions) {
    const { cluster, clock } = options;
    this.#options = options;
    this.#connections = new NodeConnections(options);
    this.device = this.#connections.device;
    const parts = { ring: () => cluster.ring(), node: this.device, clock };
    const chunks = createChunkClient(parts);
    const { health } = chunks;
    const detector = new FailureDetector({ ...parts, health, onBeat: () => chunks.beat() });
    this.chunks = chunks;
    this.daemons = [heartbeats(detector)];
  }

  /** Several figures of one page are one question. */
  status(): Promise<readonly ObservedNode[]> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#status || nowMs - this.#status.askedMs > limits.nodeStatusAgeMs) {
      this.#status = { askedMs: nowMs, answers: this.#askAll() };
    }
    return this.#status.answers;
  }

  async runOnce(daemon: string, report: ReportProgress): Promise<void> {
    const callers = this.#currentCallers();
    const progress: Progress[] = callers.map(() => ({ done: 0, total: 0 }));
    const sum = (of: keyof Progress) => progress.reduce((total, each) => total + each[of], 0);
    await Promise.allSettled(
      callers.map(async (caller, index) => {
        const { signal } = this.#closing;
        for await (const { done, total } of caller.stream<RunOnceProgress>('RunOnce', { daemon }, signal)) {
          progress[index] = { done, total };
          report({ done: sum('done'), total: sum('total') });
        }
      }),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.chunks.close();
    await this.#connections.close();
    for (const caller of this.#callers.values()) caller.close();
  }

  async #askAll(): Promise<readonly ObservedNode[]> {
    const asked = await Promise.allSettled(this.#currentCallers().map((caller) => this.#ask(caller)));
    return asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  async #ask(caller: ControlCaller): Promise<ObservedNode> {
    const { clock } = this.#options;
    const sentMs = clock.nowMs();
    const status = await caller.call<NodeStatus>('Status', {});
    return { ...status, skewMs: status.nowMs - (sentMs + clock.nowMs()) / 2 };
  }

  #currentCallers(): ControlCaller[] {
    const { cluster, transport } = this.#options;
    const wanted = new Set(cluster.state.nodes.map(({ controlAddress }) => controlAddress));
    for (const [address, caller] of this.#callers) {
      if (wanted.has(address)) continue;
      this.#callers.delete(address);
      caller.close();
    }
    return [...wanted].map((address) => {
      const caller = this.#callers.get(address) ?? new ControlCaller(nodeService, address, transport);
      this.#callers.set(address, caller);
      return caller;
    });
  }
}
