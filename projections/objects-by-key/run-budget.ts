// Owns which runs stay in memory: the least recently used go first. Guarantee: what is read for one listing
// drives out only what is young, never what was listed again after others had been read.

import { assert } from '#core/kernel/assert.ts';
import type { Run } from './listed-run.ts';

/** What is in use may take so much of the budget; what is young has the rest to itself. */
const IN_USE_SHARE = 3 / 4;
/**
 * A listing meets the end of one page again at the beginning of the next. Only after so many other reads is
 * a run taken for one that is in use.
 */
const UNRELATED_READS = 16;

interface Standing {
  /** As counted: `Run.bytes` may have moved on. */
  bytes: number;
  readonly readAt: number;
}

export class RunBudget {
  readonly #limitBytes: number;
  readonly #young = new RunQueue();
  readonly #inUse = new RunQueue();
  #reads = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#young.bytes + this.#inUse.bytes;
  }

  /** A run that was just read. */
  add(run: Run): void {
    this.#reads++;
    this.#young.push(run, { bytes: run.bytes, readAt: this.#reads });
  }

  /** What is in use takes in nothing that is young. */
  isYoung(run: Run): boolean {
    return this.#young.has(run);
  }

  /** More was just read, and was taken into this run. */
  addTo(run: Run): void {
    this.#young.take(run);
    this.add(run);
  }

  /** A listing came by. */
  use(run: Run): void {
    const queue = this.#queueOf(run);
    const standing = queue.take(run);
    const isInUse = queue === this.#inUse || this.#reads - standing.readAt >= UNRELATED_READS;
    (isInUse ? this.#inUse : this.#young).push(run, standing);
    this.#keepShares();
  }

  /** The run has other bytes than before. */
  resize(run: Run): void {
    this.#queueOf(run).resize(run);
    this.#keepShares();
  }

  /** A run was split: its upper half stands where it stands. */
  addHalf(upper: Run, run: Run): void {
    const queue = this.#queueOf(run);
    queue.resize(run);
    queue.push(upper, { bytes: upper.bytes, readAt: this.#reads });
    this.#keepShares();
  }

  /** Nothing is in memory any more. */
  clear(): void {
    this.#young.clear();
    this.#inUse.clear();
  }

  /** What has to go: no longer counted once returned. */
  next(): Run | undefined {
    if (this.bytes <= this.#limitBytes) return undefined;
    return this.#young.shift()?.[0] ?? this.#inUse.shift()?.[0];
  }

  #queueOf(run: Run): RunQueue {
    return this.#inUse.has(run) ? this.#inUse : this.#young;
  }

  #keepShares(): void {
    while (this.#inUse.bytes > this.#limitBytes * IN_USE_SHARE) {
      const [run, standing] = this.#inUse.shift() as [Run, Standing];
      this.#young.push(run, standing);
    }
  }
}

/** From the least to the most recently used. */
class RunQueue {
  readonly #standings = new Map<Run, Standing>();
  bytes = 0;

  has(run: Run): boolean {
    return this.#standings.has(run);
  }

  push(run: Run, standing: Standing): void {
    this.#standings.set(run, standing);
    this.bytes += standing.bytes;
  }

  take(run: Run): Standing {
    const standing = this.#standings.get(run);
    assert(standing, 'a run in memory is counted');
    this.#standings.delete(run);
    this.bytes -= standing.bytes;
    return standing;
  }

  resize(run: Run): void {
    const standing = this.#standings.get(run);
    assert(standing, 'a run in memory is counted');
    this.bytes += run.bytes - standing.bytes;
    standing.bytes = run.bytes;
  }

  clear(): void {
    this.#standings.clear();
    this.bytes = 0;
  }

  /** Takes out the least recently used. */
  shift(): [run: Run, standing: Standing] | undefined {
    for (const run of this.#standings.keys()) return [run, this.take(run)];
    return undefined;
  }
}
