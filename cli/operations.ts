// Owns the port behind the operator's commands. It has two sides: the running program, reached by its control
// socket, and a program opened for the one command when none is running. A command cannot tell which of them
// it has.

import type { Rejection } from '#core/kernel/decider.ts';
import type { ReplayResult } from '#projections/replay.ts';
import type { AccountAdmin } from '#services/account-admin.ts';

/** How far a long piece of work is: `done` of `total` of whatever it counts. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type ReportProgress = (progress: Progress) => void;

export interface Operations extends AccountAdmin {
  /** Rebuilds the read model from the log, beside the running one, and compares the two. */
  replay(projection: string, report: ReportProgress): Promise<ReplayResult | Rejection<'no-such-projection'>>;
}
