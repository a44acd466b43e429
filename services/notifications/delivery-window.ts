// Owns what is on its way to one destination. Guarantees: of one key one message at a time is told, in their
// order, the next when the one before was taken or dropped; the cursor never passes a message that was
// neither; what waits is bounded, and whoever adds waits for room.

import { limits } from '#core/kernel/limits.ts';
import type { Cursor, Position } from '#core/log/event-log.ts';
import type { Message } from './webhook.ts';

export interface WindowOptions {
  readonly from: Cursor;
  /** Resolves to whether the message was taken or dropped: false only after `end`. Never rejects. */
  readonly tell: (message: Message) => Promise<boolean>;
}

interface Waiting {
  readonly message: Message;
  readonly position: Position;
  readonly timeMs: number;
  isOver: boolean;
}

interface Partition {
  /** In the order of the log; the first is not over. */
  waiting: Waiting[];
  /** The next event to be looked at. */
  next: number;
}

export class DeliveryWindow {
  readonly #tell: WindowOptions['tell'];
  readonly #partitions: Partition[];
  /** What waits, by key; of a key that is being told the first is under way. */
  readonly #lanes = new Map<string, Waiting[]>();
  readonly #ready: string[] = [];
  #pending = 0;
  #running = 0;
  #passed = 0;
  #ended = false;
  #wake: (() => void)[] = [];

  constructor({ from, tell }: WindowOptions) {
    this.#tell = tell;
    this.#partitions = Array.from(from, (next = 0) => ({ waiting: [], next }));
  }

  /** Messages that were neither taken nor dropped yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Events that concerned nobody, since this was last set. */
  get passed(): number {
    return this.#passed;
  }

  set passed(events: number) {
    this.#passed = events;
  }

  /** All before is over. */
  get cursor(): Cursor {
    return this.#partitions.map(({ waiting, next }) => waiting[0]?.position.offset ?? next);
  }

  /** When the oldest that waits was written. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const { waiting } of this.#partitions) {
      const first = waiting[0];
      if (first && first.timeMs < (oldest ?? Number.POSITIVE_INFINITY)) oldest = first.timeMs;
    }
    return oldest;
  }

  /** Nothing is to be told of the event. */
  pass({ partition, offset }: Position): void {
    this.#partition(partition).next = offset + 1;
    this.#passed++;
  }

  /** Resolves when there is room for the next. */
  async put(message: Message, position: Position, timeMs: number): Promise<void> {
    const waiting: Waiting = { message, position, timeMs, isOver: false };
    const partition = this.#partition(position.partition);
    partition.waiting.push(waiting);
    partition.next = position.offset + 1;
    this.#pending++;
    const lane = this.#lanes.get(message.key);
    if (lane) lane.push(waiting);
    else {
      this.#lanes.set(message.key, [waiting]);
      this.#ready.push(message.key);
    }
    this.#run();
    while (this.#pending >= limits.notificationsPending && !this.#ended) await this.#change();
  }

  /** Begins nothing more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#changed();
    while (this.#running > 0) await this.#change();
  }

  #partition(index: number): Partition {
    while (this.#partitions.length <= index) this.#partitions.push({ waiting: [], next: 0 });
    return this.#partitions[index] as Partition;
  }

  #run(): void {
    while (!this.#ended && this.#running < limits.notificationsInFlight) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      this.#running++;
      void this.#tellFirst(key);
    }
  }

  async #tellFirst(key: string): Promise<void> {
    const lane = this.#lanes.get(key) as Waiting[];
    const first = lane[0] as Waiting;
    const isOver = await this.#tell(first.message);
    this.#running--;
    if (isOver) {
      this.#over(first);
      lane.shift();
      if (lane.length > 0) this.#ready.push(key);
      else this.#lanes.delete(key);
    }
    this.#changed();
    this.#run();
  }

  #over(done: Waiting): void {
    done.isOver = true;
    this.#pending--;
    const partition = this.#partition(done.position.partition);
    const first = partition.waiting.findIndex(({ isOver }) => !isOver);
    partition.waiting.splice(0, first < 0 ? partition.waiting.length : first);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
