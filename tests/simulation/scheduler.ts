// Owns simulated time: one queue of what is to happen, in order of time and then of asking, so that the same
// seed gives the same order. Between two moments everything runs that needs no time.

const START_MS = Date.UTC(2026, 0, 1);

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  nowMs = START_MS;
  steps = 0;
  #order = 0;
  /** A binary heap; the first entry is the next. */
  readonly #heap: Entry[] = [];

  after(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run });
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets time pass until `isOver`; false when that took longer than `forMs`. */
  async run(isOver: () => boolean, forMs: number): Promise<boolean> {
    const endMs = this.nowMs + forMs;
    await untilIdle();
    while (!isOver()) {
      const next = this.#heap[0];
      if (!next || next.atMs > endMs) return false;
      this.#pop();
      this.nowMs = next.atMs;
      this.steps++;
      next.run();
      await untilIdle();
    }
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above] as Entry)) break;
      heap[at] = heap[above] as Entry;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      if (!isBefore(heap[below] as Entry, last)) break;
      heap[at] = heap[below] as Entry;
      at = below;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** Runs all that needs no time: promises, and whatever the production code puts off by `setImmediate`. */
async function untilIdle(): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve));
  while (process.getActiveResourcesInfo().includes('Immediate'));
}
