// Owns an EventLog in memory for tests: guards, order, followers and barriers as the port promises; nothing
// is durable.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { assertWithinLimits } from '#core/log/embedded/record.ts';
import type {
  Appended,
  AppendRequest,
  Cursor,
  EventLog,
  Expectation,
  FollowOptions,
  RecordedEvent,
  Revision,
  StreamName,
} from '#core/log/event-log.ts';
import { familyOf, partitionKeyOf } from '#core/log/event-log.ts';

export interface MemoryLogOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** 1 unless told otherwise. */
  readonly partitions?: number;
}

export class MemoryLog implements EventLog {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #partitions: RecordedEvent[][];
  readonly #streams = new Map<StreamName, RecordedEvent[]>();
  #wake: (() => void)[] = [];
  #lastMs = 0;
  #closed = false;

  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#partitions = Array.from({ length: options.partitions ?? 1 }, () => []);
  }

  async append(request: AppendRequest): Promise<Appended> {
    this.#assertOpen();
    assertWithinLimits(request);
    this.#check(request.stream, request.expect);
    for (const guard of request.alsoAt ?? []) {
      assert(this.#partitionOf(guard.stream) === this.#partitionOf(request.stream), 'one partition');
      this.#check(guard.stream, guard.revision);
    }
    const appended = this.#write(request);
    const wake = this.#wake;
    this.#wake = [];
    for (const follower of wake) follower();
    return appended;
  }

  async *read(stream: StreamName, options?: { readonly from?: Revision }): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    yield* [...(this.#streams.get(stream) ?? [])].slice(options?.from ?? 0);
  }

  async *follow(options: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    this.#assertOpen();
    const next = this.#partitions.map((_, partition) => options.from[partition] ?? 0);
    const { signal, categories } = options;
    const onAbort = () => {
      for (const wake of this.#wake) wake();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    while (!this.#closed && !signal?.aborted) {
      const batch: RecordedEvent[] = [];
      for (const [partition, events] of this.#partitions.entries()) {
        const from = next[partition] as number;
        const found = events.slice(from, from + limits.followBatchEvents);
        next[partition] = from + found.length;
        for (const event of found) {
          if (!categories || categories.includes(familyOf(event.stream))) batch.push(event);
        }
      }
      if (batch.length > 0) yield batch;
      else if (!this.#hasMore(next)) await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async tail(): Promise<Cursor> {
    this.#assertOpen();
    return this.#partitions.map((events) => events.length);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#wake) wake();
  }

  #assertOpen(): void {
    if (this.#closed) throw new Fault('closed', 'the log is closed');
  }

  #hasMore(next: readonly number[]): boolean {
    return this.#partitions.some((events, partition) => events.length > (next[partition] ?? 0));
  }

  #check(stream: StreamName, expected: Expectation): void {
    const actual = (this.#streams.get(stream)?.length ?? 0) - 1;
    const holds = expected === 'any' || (expected === 'none' ? actual < 0 : expected === actual);
    if (holds) return;
    const details = { stream, expected, actual: actual < 0 ? 'none' : actual };
    throw new Fault('conflict', `${stream} is not where it was expected`, { details });
  }

  #write(request: AppendRequest): Appended {
    const partition = this.#partitionOf(request.stream);
    const records = this.#partitions[partition] as RecordedEvent[];
    const stream = this.#streams.get(request.stream) ?? [];
    this.#streams.set(request.stream, stream);
    this.#lastMs = Math.max(this.#lastMs, this.#clock.nowMs());
    for (const { type, payload } of request.events) {
      const recorded: RecordedEvent = {
        id: newId(this.#random),
        type,
        payload: Uint8Array.from(payload),
        stream: request.stream,
        revision: stream.length,
        position: { partition, offset: records.length },
        timeMs: this.#lastMs,
        actor: request.actor,
        correlationId: request.correlationId ?? request.actor.requestId,
        causationId: request.causationId ?? request.actor.requestId,
      };
      stream.push(recorded);
      records.push(recorded);
    }
    const { revision, position, timeMs } = stream.at(-1) as RecordedEvent;
    return { revision, position, timeMs };
  }

  #partitionOf(stream: StreamName): number {
    let hash = 0;
    for (const byte of Buffer.from(partitionKeyOf(stream))) hash = (Math.imul(hash, 31) + byte) >>> 0;
    return hash % this.#partitions.length;
  }
}
