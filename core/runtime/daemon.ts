// Owns the heartbeat of the daemons: one pass after the other, with a pause in between, until it is told to
// end. A pass that fails is reported and tried again at the next beat; it never ends the process.

import type { Clock } from '#core/kernel/clock.ts';

export interface DaemonOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly intervalMs: number;
  runOnce(signal: AbortSignal): Promise<unknown>;
  onFailure(name: string, error: unknown): void;
}

export interface Daemon {
  /** Ends the pass under way at its next safe point; resolves when nothing runs any more. */
  stop(): Promise<void>;
}

/** The first pass begins one interval from now: a start-up has better things to do. */
export function startDaemon({ name, clock, intervalMs, runOnce, onFailure }: DaemonOptions): Daemon {
  const ending = new AbortController();
  const { signal } = ending;
  const beat = async () => {
    while (true) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      try {
        await runOnce(signal);
      } catch (error) {
        onFailure(name, error);
      }
    }
  };
  const ended = beat();
  return {
    async stop() {
      ending.abort();
      await ended;
    },
  };
}
