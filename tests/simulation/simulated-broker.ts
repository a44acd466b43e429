// Owns the simulated broker behind the ordered log: one order of records per partition, kept whatever
// happens, and all the trouble that the port allows: produces whose outcome is not known, that come late, in
// part or twice, offsets with gaps, and a broker that answers nobody for a while.

import { Fault } from '#core/kernel/errors.ts';
import type { OrderedLog, OrderedRecord } from '#core/log/ordered/ordered-log.ts';
import type { Chance, Life, World } from './world.ts';

/** Of which a gateway has one: some are further away. */
const SLOWEST_MS = [4, 4, 30, 120];
const LATE_MS = 2_000;
const GIVE_UP_MS = 1_000;
const BATCH_RECORDS = 6;

/** Probabilities for each produce. */
export interface BrokerTrouble {
  lost: number;
  unknown: number;
  torn: number;
  late: number;
  repeated: number;
}

export class SimulatedBroker {
  readonly trouble: BrokerTrouble = { lost: 0, unknown: 0, torn: 0, late: 0, repeated: 0 };
  /** Every request and answer may take so much longer. */
  slowMs = 0;
  /** Who is not answered. */
  #awayFrom: ReadonlySet<string> = new Set();
  readonly #world: World;
  readonly #chance: Chance;
  readonly #partitions: OrderedRecord[][];
  #waiting: (() => void)[] = [];

  constructor(world: World, partitions: number) {
    this.#world = world;
    this.#chance = world.chance('broker');
    this.#partitions = Array.from({ length: partitions }, () => []);
  }

  heal(): void {
    for (const kind of Object.keys(this.trouble)) this.trouble[kind as keyof BrokerTrouble] = 0;
    this.slowMs = 0;
    this.comeBack();
  }

  goAwayFrom(hosts: readonly string[]): void {
    this.#awayFrom = new Set(hosts);
  }

  comeBack(): void {
    this.goAwayFrom([]);
    this.#wake();
  }

  connect(life: Life): OrderedLog {
    const closing = new AbortController();
    const slowestMs = this.#chance.pick(SLOWEST_MS);
    const delay = () => life.clock.sleep(this.#chance.between(0.1, slowestMs + this.slowMs));
    return {
      partitions: this.#partitions.length,
      produce: async (partition, records) => {
        const copies = records.map((bytes) => Buffer.from(bytes));
        await delay();
        await this.#produce(life, partition, copies);
        await delay();
      },
      consume: (partition, from, signal) =>
        this.#consume(life, partition, from, slowestMs, eitherOf(signal, closing.signal)),
      ends: async () => {
        await delay();
        if (this.#awayFrom.has(life.host)) {
          await life.clock.sleep(GIVE_UP_MS);
          throw this.#failed('away');
        }
        const ends = this.#partitions.map((records) => (records.at(-1)?.offset ?? -1) + 1);
        await delay();
        return ends;
      },
      close: async () => closing.abort(),
    };
  }

  async #produce(life: Life, partition: number, records: readonly Buffer[]): Promise<void> {
    const { lost, unknown, torn, late, repeated } = this.trouble;
    if (this.#awayFrom.has(life.host) || this.#chance.happens(lost)) {
      await life.clock.sleep(this.#chance.between(0, GIVE_UP_MS));
      throw this.#failed('lost');
    }
    if (this.#chance.happens(torn)) {
      this.#write(partition, records.slice(0, this.#chance.whole(0, records.length)));
      throw this.#failed('torn');
    }
    if (this.#chance.happens(late)) {
      // It is on its way, whether or not its sender lives.
      this.#world.scheduler.after(this.#chance.between(0, LATE_MS), () => this.#write(partition, records));
      throw this.#failed('late');
    }
    this.#write(partition, records);
    if (this.#chance.happens(repeated)) {
      this.#world.trace.note('log-repeated');
      this.#write(partition, records);
    }
    if (this.#chance.happens(unknown)) throw this.#failed('unknown');
  }

  #write(partition: number, records: readonly Buffer[]): void {
    const written = this.#partitions[partition] as OrderedRecord[];
    for (const bytes of records) {
      const before = written.at(-1)?.offset ?? -1;
      const gap = before >= 0 && this.#chance.happens(0.05) ? 2 : 1;
      written.push({ offset: before + gap, bytes });
    }
    this.#world.trace.note('log-written', `${partition} ${records.length}`);
    this.#wake();
  }

  async *#consume(
    life: Life,
    partition: number,
    from: number,
    slowestMs: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly OrderedRecord[]> {
    const records = this.#partitions[partition] as OrderedRecord[];
    let next = from;
    while (!signal.aborted) {
      const at = records.findIndex(({ offset }) => offset >= next);
      if (this.#awayFrom.has(life.host) || at < 0) {
        await this.#moved(signal);
        if (!life.isAlive) return;
        continue;
      }
      await life.clock.sleep(this.#chance.between(0, slowestMs));
      const batch = records.slice(at, at + this.#chance.whole(1, BATCH_RECORDS));
      next = (batch.at(-1)?.offset ?? next) + 1;
      yield batch;
    }
  }

  #moved(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #failed(how: string): Fault {
    this.#world.trace.note(`log-${how}`);
    return new Fault('log-unavailable', `the broker failed: ${how}`);
  }
}

/** Node keeps what `AbortSignal.any` gives until it is aborted, and with it the world that waits for it. */
function eitherOf(...signals: readonly AbortSignal[]): AbortSignal {
  const either = new AbortController();
  for (const signal of signals) signal.addEventListener('abort', () => either.abort(), { once: true });
  return either.signal;
}
