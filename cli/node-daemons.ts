// Owns the daemons of one process as an operator sees them: what each is doing, what its last pass found, and
// a pass on demand. Guarantee: of one daemon at most one pass runs at a time.

import type { Logger } from 'pino';
import type { Clock } from '#core/kernel/clock.ts';
import { type Daemon, startDaemon } from '#core/runtime/daemon.ts';
import type { DaemonStatus } from './control-messages.ts';
import type { ReportProgress } from './operations.ts';

export interface DaemonSpec {
  readonly name: string;
  readonly intervalMs: number;
  /** @returns what is told of the pass */
  runOnce(signal: AbortSignal, report: ReportProgress): Promise<unknown>;
}

interface Running {
  readonly spec: DaemonSpec;
  daemon: Daemon | undefined;
  pass: Promise<unknown> | undefined;
  status: DaemonStatus;
  readonly watchers: Set<ReportProgress>;
}

export class NodeDaemons {
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();

  constructor(parts: { clock: Clock; logger: Logger; daemons: readonly DaemonSpec[] }) {
    const { clock, logger } = parts;
    const onFailure = (name: string, error: unknown) =>
      logger.error({ daemon: name, err: error }, 'pass failed');
    for (const spec of parts.daemons) {
      const { name, intervalMs } = spec;
      const status = { name, running: false, done: 0, total: 0, passes: 0, failures: 0, report: '' };
      const running: Running = { spec, daemon: undefined, pass: undefined, status, watchers: new Set() };
      running.daemon = startDaemon({
        ...{ name, clock, intervalMs, onFailure },
        runOnce: async (signal) => {
          const report = await this.#pass(running, signal);
          logger.debug({ daemon: name, report }, 'pass done');
        },
      });
      this.#running.set(name, running);
    }
  }

  status(): DaemonStatus[] {
    return [...this.#running.values()].map(({ status }) => status);
  }

  /** The report of the pass; of the one under way, if there is one. Undefined: there is no such daemon. */
  runOnce(name: string, report: ReportProgress): Promise<unknown> | undefined {
    const running = this.#running.get(name);
    if (!running) return undefined;
    running.watchers.add(report);
    return this.#pass(running, this.#stopping.signal).finally(() => running.watchers.delete(report));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#running.values()].map(({ daemon }) => daemon?.stop()));
    await Promise.allSettled([...this.#running.values()].map(({ pass }) => pass));
  }

  #pass(running: Running, signal: AbortSignal): Promise<unknown> {
    running.pass ??= this.#runPass(running, signal).finally(() => {
      running.pass = undefined;
    });
    return running.pass;
  }

  async #runPass(running: Running, signal: AbortSignal): Promise<unknown> {
    const { spec, watchers } = running;
    const change = (more: Partial<DaemonStatus>) => {
      running.status = { ...running.status, ...more };
    };
    change({ running: true, done: 0, total: 0 });
    try {
      const report = await spec.runOnce(signal, ({ done, total }) => {
        change({ done, total });
        for (const watcher of watchers) watcher({ done, total });
      });
      change({ passes: running.status.passes + 1, report: JSON.stringify(report ?? null) });
      return report;
    } catch (error) {
      change({ failures: running.status.failures + 1 });
      throw error;
    } finally {
      change({ running: false });
    }
  }
}
