// Owns the digest threads. MD5 and the SHAs run on them, each body's digest on the least loaded one; CRCs
// are cheaper than a message and run on the calling thread. A thread that dies fails its bodies and is
// replaced by the next start.
// Budget per chunk and threaded digest: no copy, one message each way, one promise.

import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { DigestAlgorithm } from './blob-stream.ts';
import {
  type DigestPool,
  type DigestState,
  type Digests,
  type RunningDigest,
  startDigest,
} from './digest.ts';
import { DigestThread } from './digest-thread.ts';

export interface WorkerDigestPoolOptions {
  /** Where digest-worker lies: the source, or the file it was bundled to. */
  readonly workerUrl: URL;
  /** Threads at most; each is started when there is first work for it. */
  readonly workers?: number;
}

export function createWorkerDigestPool(options: WorkerDigestPoolOptions): DigestPool {
  return new WorkerDigestPool(options.workerUrl, options.workers ?? limits.digestWorkers);
}

const THREADED: ReadonlySet<DigestAlgorithm> = new Set(['md5', 'sha1', 'sha256'] as const);

class WorkerDigestPool implements DigestPool {
  readonly #workerUrl: URL;
  readonly #workers: number;
  readonly #threads = new Set<DigestThread>();
  #closed = false;

  constructor(workerUrl: URL, workers: number) {
    this.#workerUrl = workerUrl;
    this.#workers = workers;
  }

  start(algorithms: readonly DigestAlgorithm[]): RunningDigest {
    if (this.#closed) throw new Fault('closed', 'the digest pool is closed');
    return new ThreadedDigest(algorithms, () => this.#leastLoaded());
  }

  forget(memory: SharedArrayBuffer): void {
    for (const thread of this.#threads) thread.forget(memory);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end('closed')));
  }

  #leastLoaded(): DigestThread {
    let best: DigestThread | undefined;
    for (const thread of this.#threads) if (best === undefined || thread.jobs < best.jobs) best = thread;
    if (best !== undefined && (best.jobs === 0 || this.#threads.size >= this.#workers)) return best;
    const started = new DigestThread(this.#workerUrl, (ended) => this.#threads.delete(ended));
    this.#threads.add(started);
    return started;
  }
}

class ThreadedDigest implements RunningDigest {
  readonly #here: { readonly algorithm: DigestAlgorithm; readonly state: DigestState }[] = [];
  readonly #there: {
    readonly algorithm: DigestAlgorithm;
    readonly thread: DigestThread;
    readonly job: number;
  }[] = [];

  constructor(algorithms: readonly DigestAlgorithm[], pick: () => DigestThread) {
    for (const algorithm of algorithms) {
      if (!THREADED.has(algorithm)) this.#here.push({ algorithm, state: startDigest(algorithm) });
      else {
        const thread = pick();
        this.#there.push({ algorithm, thread, job: thread.start(algorithm) });
      }
    }
  }

  update(bytes: Uint8Array): Promise<void> | undefined {
    const updates = this.#there.map(({ thread, job }) => thread.update(job, bytes));
    for (const { state } of this.#here) state.update(bytes);
    return updates.length <= 1 ? updates[0] : whenAllLetGo(updates);
  }

  async finish(): Promise<Digests> {
    const digests: Digests = {};
    for (const { algorithm, state } of this.#here) digests[algorithm] = state.finish();
    const finished = await Promise.all(this.#there.map(({ thread, job }) => thread.finish(job)));
    this.#there.forEach(({ algorithm }, index) => {
      digests[algorithm] = finished[index] as Uint8Array;
    });
    return digests;
  }

  cancel(): void {
    for (const { thread, job } of this.#there) thread.cancel(job);
  }
}

/** Promise.all would reject while another thread still reads the bytes. */
async function whenAllLetGo(updates: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(updates);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
