// Owns following several partitions at once. The guarantee: each partition's batches in its own order, none
// held back by a partition in which nothing happens, and of each at most one batch read ahead.

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '../event-log.ts';

type Batch = readonly RecordedEvent[];
type Result = IteratorResult<Batch, undefined>;
const DONE: Result = { done: true, value: undefined };

interface Source {
  readonly batches: AsyncIterator<Batch>;
  isAsked: boolean;
}

export class MergedFollower implements AsyncIterableIterator<Batch> {
  readonly #sources: Source[];
  #ready: { readonly source: Source; readonly result: Promise<Result> }[] = [];
  #answer: ((result: Result | Promise<Result>) => void) | undefined;

  constructor(sources: readonly AsyncIterable<Batch>[]) {
    this.#sources = sources.map((each) => ({ batches: each[Symbol.asyncIterator](), isAsked: false }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    assert(!this.#answer, 'a follower is asked for one batch at a time');
    for (const source of this.#sources) if (!source.isAsked) this.#ask(source);
    const ready = this.#take();
    if (ready) return ready;
    if (this.#sources.length === 0) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  async return(): Promise<Result> {
    const sources = this.#sources.splice(0);
    this.#ready = [];
    await Promise.all(sources.map(({ batches }) => batches.return?.()));
    this.#answer?.(DONE);
    this.#answer = undefined;
    return DONE;
  }

  #ask(source: Source): void {
    source.isAsked = true;
    const result = source.batches.next() as Promise<Result>;
    const arrived = () => this.#arrived(source, result);
    result.then(arrived, arrived);
  }

  #arrived(source: Source, result: Promise<Result>): void {
    if (!this.#sources.includes(source)) return;
    this.#ready.push({ source, result });
    const answer = this.#answer;
    if (!answer) return;
    this.#answer = undefined;
    answer(this.#take() as Promise<Result>);
  }

  /** The oldest batch that arrived; at the end of a source, the end, for all of them end together. */
  #take(): Promise<Result> | undefined {
    const ready = this.#ready.shift();
    if (!ready) return undefined;
    ready.source.isAsked = false;
    return ready.result.then((result) => (result.done ? this.return() : result));
  }
}
