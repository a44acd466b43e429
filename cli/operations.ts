// Owns the port behind the operator's commands. It has two sides: the running program, reached by its control
// socket, and a program opened for the one command when none is running. A command cannot tell which of them
// it has.

import type { DevicesRejection } from '#core/devices/devices.commands.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import type { ReplayResult } from '#projections/replay.ts';
import type { AccountAdmin } from '#services/account-admin.ts';
import type { BucketRejection } from '#services/cloud.ts';
import type { RingReport } from './ring-report.ts';

/** How far a long piece of work is: `done` of `total` of whatever it counts. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type ReportProgress = (progress: Progress) => void;

export type RingRejection = DevicesRejection | 'zone-missing';

export interface Rebalanced {
  /** Of the ring now in force. */
  readonly version: number;
  /** Replicas of partitions that now lie elsewhere. */
  readonly moved: number;
  readonly imbalancePercent: number;
  /** Replicas that must wait for the next rebalance: of a partition one replica moves at a time. */
  readonly toBeMoved: number;
}

export interface RingOperations {
  showRing(): Promise<RingReport>;
  /**
   * Gives a node that has joined its weight. Where the nodes lie in the gateway's own process one is made,
   * and needs a zone.
   */
  addNode(
    node: string,
    options: { readonly zone?: string; readonly weight: number },
  ): Promise<undefined | Rejection<RingRejection>>;
  /** @param target name of a node, or number of a device */
  setWeight(target: string, weight: number): Promise<undefined | Rejection<RingRejection>>;
  /** @param gone though the ring still places data on it: for a node that is lost */
  removeNode(node: string, gone: boolean): Promise<undefined | Rejection<RingRejection>>;
  rebalance(report: ReportProgress): Promise<Rebalanced | Rejection<RingRejection>>;
}

/** What one check of `strata doctor` found. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** One sentence. */
  readonly finding: string;
}

export interface Operations extends AccountAdmin, RingOperations {
  /** @param bucket its id: its name, but of one that is its project's own */
  rotateKey(bucket: string): Promise<undefined | Rejection<BucketRejection>>;
  doctor(): Promise<readonly Finding[]>;
  /** Rebuilds the read model from the log, beside the running one, and compares the two. */
  replay(projection: string, report: ReportProgress): Promise<ReplayResult | Rejection<'no-such-projection'>>;
}
