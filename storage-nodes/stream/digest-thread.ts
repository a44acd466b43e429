// Owns one digest thread as the main thread sees it. Guarantees that every promise given out settles: by
// the thread's reply, or with a fault when the thread has ended, however it ended.

import { Worker } from 'node:worker_threads';
import { assert } from '#core/kernel/assert.ts';
import { Fault, type FaultCode } from '#core/kernel/errors.ts';
import type { DigestOrder, DigestReply } from './digest-worker.ts';

interface Settle<Value> {
  resolve(value: Value): void;
  reject(error: Error): void;
}

interface Job {
  /** Oldest first: the thread replies in order. */
  readonly updates: Settle<void>[];
  finish: Settle<Uint8Array> | undefined;
  cancelled: boolean;
}

/** A module that lets a thread run from source: `--import tsx` alone teaches the main thread only. */
function teachTypeScript(): string {
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  return `data:text/javascript,import { register } from ${api}; register();`;
}

export class DigestThread {
  readonly #worker: Worker;
  readonly #ended: (thread: DigestThread) => void;
  readonly #jobs = new Map<number, Job>();
  readonly #slots = new Map<SharedArrayBuffer, number>();
  #lastJob = 0;
  #lastSlot = 0;
  #loss: Fault | undefined;

  /** @param ended called once, when the thread is gone. */
  constructor(workerUrl: URL, ended: (thread: DigestThread) => void) {
    this.#ended = ended;
    const execArgv = workerUrl.pathname.endsWith('.ts') ? ['--import', teachTypeScript()] : [];
    this.#worker = new Worker(workerUrl, { name: 'digest', execArgv });
    this.#worker.unref();
    this.#worker.on('message', (reply: DigestReply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#lose('busy', 'a digest thread failed', error));
    this.#worker.on('exit', () => this.#lose('busy', 'a digest thread ended'));
  }

  /** Digests under way. */
  get jobs(): number {
    return this.#jobs.size;
  }

  start(algorithm: string): number {
    const job = ++this.#lastJob;
    // Work under way keeps the process alive; an idle thread does not.
    if (this.#jobs.size === 0) this.#worker.ref();
    this.#jobs.set(job, { updates: [], finish: undefined, cancelled: false });
    this.#post({ order: 'start', job, algorithm });
    return job;
  }

  update(job: number, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const running = this.#jobs.get(job);
      if (running === undefined) return reject(this.#lossOrBug());
      running.updates.push({ resolve, reject });
      const memory = bytes.buffer;
      if (memory instanceof SharedArrayBuffer) {
        this.#post([job, this.#slotOf(memory), bytes.byteOffset, bytes.length]);
      } else {
        // A copy of its own: a view would drag its whole buffer along.
        const copy = new Uint8Array(bytes);
        this.#worker.postMessage({ order: 'take', job, bytes: copy } satisfies DigestOrder, [copy.buffer]);
      }
    });
  }

  finish(job: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const running = this.#jobs.get(job);
      if (running === undefined) return reject(this.#lossOrBug());
      running.finish = { resolve, reject };
      this.#post({ order: 'finish', job });
    });
  }

  cancel(job: number): void {
    const running = this.#jobs.get(job);
    if (running === undefined) return;
    running.cancelled = true;
    this.#post({ order: 'cancel', job });
    if (running.updates.length === 0) this.#remove(job);
  }

  forget(memory: SharedArrayBuffer): void {
    const slot = this.#slots.get(memory);
    if (slot === undefined) return;
    // An idle thread would keep the memory until its next collection, so it is ended; the next digest
    // starts another.
    if (this.#jobs.size === 0) return void this.end('closed');
    this.#slots.delete(memory);
    this.#post({ order: 'forget', slot });
  }

  async end(code: FaultCode): Promise<void> {
    this.#lose(code, 'the digest thread was ended');
    await this.#worker.terminate();
  }

  #slotOf(memory: SharedArrayBuffer): number {
    let slot = this.#slots.get(memory);
    if (slot === undefined) {
      slot = ++this.#lastSlot;
      this.#slots.set(memory, slot);
      this.#post({ order: 'learn', slot, memory });
    }
    return slot;
  }

  #post(order: DigestOrder): void {
    this.#worker.postMessage(order);
  }

  #receive(reply: DigestReply): void {
    const id = typeof reply === 'number' ? reply : reply.job;
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    if (typeof reply === 'number') {
      job.updates.shift()?.resolve();
      if (job.cancelled && job.updates.length === 0) this.#remove(id);
    } else {
      this.#remove(id);
      job.finish?.resolve(reply.digest);
    }
  }

  #remove(job: number): void {
    this.#jobs.delete(job);
    if (this.#jobs.size === 0) this.#worker.unref();
  }

  #lose(code: FaultCode, message: string, cause?: unknown): void {
    if (this.#loss !== undefined) return;
    const loss = new Fault(code, message, { cause });
    this.#loss = loss;
    this.#ended(this);
    for (const job of this.#jobs.values()) {
      for (const update of job.updates) update.reject(loss);
      job.finish?.reject(loss);
    }
    this.#jobs.clear();
  }

  #lossOrBug(): Fault {
    assert(this.#loss, 'a digest that has ended is not used again');
    return this.#loss;
  }
}
