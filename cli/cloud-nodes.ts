// Owns the port by which a program that serves clients has the cluster's storage: in its own process, or at
// the other end of the wire. The rest of the program cannot tell which.

import type { NodeOf } from '#storage-nodes/client/device-port.ts';
import type { QuorumClient } from '#storage-nodes/client/quorum-client.ts';
import type { NodeStatus } from './control-messages.ts';
import type { DaemonSpec } from './node-daemons.ts';
import type { ReportProgress } from './operations.ts';

/** What a node says of itself, and how far its clock was found to be ahead of this process's. */
export interface ObservedNode extends NodeStatus {
  readonly skewMs: number;
}

export interface CloudNodes {
  readonly chunks: QuorumClient;
  readonly device: NodeOf;
  /** Of each node that answers; the others are missing. */
  status(): Promise<readonly ObservedNode[]>;
  /** What keeps the devices of this process whole; none where they lie elsewhere. */
  readonly daemons: readonly DaemonSpec[];
  /** Directories of nodes may be made in this process: an operator may add a node by its name alone. */
  readonly areHere: boolean;
  /** One pass of a daemon on every node of another process, all at once. */
  runOnce(daemon: string, report: ReportProgress): Promise<void>;
  close(): Promise<void>;
}
