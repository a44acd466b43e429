// Owns what the log itself said: each append that it acknowledged, with the place that it named, to be looked
// for at the end.

import type { Appended, AppendRequest, EventLog } from '#core/log/event-log.ts';
import type { Trace } from './trace.ts';

export interface AcknowledgedAppend {
  readonly request: AppendRequest;
  readonly appended: Appended;
}

export class LogOracle {
  readonly acknowledged: AcknowledgedAppend[] = [];
  readonly #trace: Trace;
  #waiting: (() => void)[] = [];

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  acknowledge(append: AcknowledgedAppend): void {
    const { request, appended } = append;
    const { partition, offset } = appended.position;
    this.acknowledged.push(append);
    this.#trace.note('appended', `${partition}/${offset} ${request.stream} ${appended.revision}`);
    for (const run of this.#waiting.splice(0)) run();
  }

  /** Returns what forgets it again. */
  atNextAcknowledgement(run: () => void): () => void {
    this.#waiting.push(run);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== run);
    };
  }
}

/** The log, with its acknowledgements written down. */
export function watchedLog(log: EventLog, oracle: LogOracle): EventLog {
  return {
    async append(request) {
      const appended = await log.append(request);
      oracle.acknowledge({ request, appended });
      return appended;
    },
    read: (stream, options) => log.read(stream, options),
    follow: (options) => log.follow(options),
    tail: () => log.tail(),
    close: () => log.close(),
  };
}
