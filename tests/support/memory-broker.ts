// Owns a broker in memory for tests: one order of records per partition, and as many clients as are
// wanted. A hostile one does, by seed, all that the port allows: produces that fail before, in the middle
// of or after being written, that stand twice or come late, behind what was produced after them; offsets
// with gaps; batches of any size.

import { Fault } from '#core/kernel/errors.ts';
import type { Random } from '#core/kernel/random.ts';
import type { OrderedLog, OrderedRecord } from '#core/log/ordered/ordered-log.ts';

/** Chances, each in [0, 1]. */
export interface Hostility {
  readonly random: Random;
  readonly lost: number;
  readonly unknown: number;
  readonly torn: number;
  readonly repeated: number;
  readonly late: number;
  readonly gap: number;
}

const LATE_TURNS = 60;

export class MemoryBroker {
  readonly partitions: OrderedRecord[][];
  /** While set, nothing is answered. */
  isAway = false;
  readonly #hostility: Hostility | undefined;
  #wake: (() => void)[] = [];

  constructor(partitions: number, hostility?: Hostility) {
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#hostility = hostility;
  }

  connect(): OrderedLog {
    return new MemoryOrderedLog(this);
  }

  end(partition: number): number {
    return (this.partitions[partition]?.at(-1)?.offset ?? -1) + 1;
  }

  happens(chance: Exclude<keyof Hostility, 'random'>): boolean {
    return this.#hostility !== undefined && this.#hostility.random.next() < this.#hostility[chance];
  }

  upTo(count: number): number {
    return this.#hostility ? Math.floor(this.#hostility.random.next() * (count + 1)) : count;
  }

  write(partition: number, records: readonly Uint8Array[]): void {
    for (const bytes of records) {
      const offset = this.end(partition) + (this.end(partition) > 0 && this.happens('gap') ? 2 : 0);
      this.partitions[partition]?.push({ offset, bytes: Buffer.from(bytes) });
    }
    for (const wake of this.#wake.splice(0)) wake();
  }

  moved(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

class MemoryOrderedLog implements OrderedLog {
  readonly #broker: MemoryBroker;
  readonly #closing = new AbortController();

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  get partitions(): number {
    return this.#broker.partitions.length;
  }

  async produce(partition: number, records: readonly Uint8Array[]): Promise<void> {
    const broker = this.#broker;
    await turns(1 + broker.upTo(3));
    if (broker.isAway || broker.happens('lost')) throw failed('lost');
    if (broker.happens('torn')) {
      broker.write(partition, records.slice(0, broker.upTo(records.length)));
      throw failed('torn');
    }
    if (broker.happens('late')) {
      const copies = records.map((bytes) => Buffer.from(bytes));
      turns(broker.upTo(LATE_TURNS)).then(() => broker.write(partition, copies));
      throw failed('late');
    }
    broker.write(partition, records);
    if (broker.happens('repeated')) broker.write(partition, records);
    if (broker.happens('unknown')) throw failed('unknown');
    await turns(broker.upTo(3));
  }

  async *consume(
    partition: number,
    from: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly OrderedRecord[]> {
    const records = this.#broker.partitions[partition] as OrderedRecord[];
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    const wake = () => this.#broker.wakeAll();
    ending.addEventListener('abort', wake, { once: true });
    let at = records.findIndex(({ offset }) => offset >= from);
    while (!ending.aborted) {
      if (at < 0) at = from > 0 ? records.findIndex(({ offset }) => offset >= from) : 0;
      if (this.#broker.isAway || at < 0 || at >= records.length) {
        await this.#broker.moved();
        continue;
      }
      const batch = records.slice(at, at + 1 + this.#broker.upTo(50));
      at += batch.length;
      yield batch;
      await turns(1);
    }
    ending.removeEventListener('abort', wake);
  }

  async ends(): Promise<readonly number[]> {
    await turns(1);
    if (this.#broker.isAway || this.#closing.signal.aborted) throw failed('away');
    return this.#broker.partitions.map((_, partition) => this.#broker.end(partition));
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }
}

function failed(how: string): Fault {
  return new Fault('log-unavailable', `the broker failed: ${how}`);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
