// Owns the twin of RocksDB behind the chunk index: batches are whole or not at all, and a crash keeps those
// up to the last synced one and any number of those that followed, in order.

import type {
  IndexEngine,
  IndexOperation,
  IndexPair,
  IndexStore,
} from '#storage-nodes/chunks/index-store.ts';
import type { Chance, Life, World } from './world.ts';

const PAIRS_AT_A_TIME = 16;
const SLOWEST_MS = 0.5;

export class SimulatedIndex {
  readonly #chance: Chance;
  /** By key in hexadecimal, whose order is that of the bytes. */
  #durable = new Map<string, Buffer>();
  #unsynced: (readonly IndexOperation[])[] = [];
  #pairs = new Map<string, Buffer>();

  constructor(world: World, name: string) {
    this.#chance = world.chance(`index ${name}`);
  }

  crash(): void {
    for (const operations of this.#unsynced.slice(0, this.#chance.whole(0, this.#unsynced.length))) {
      apply(this.#durable, operations);
    }
    this.#unsynced = [];
    this.#pairs = new Map(this.#durable);
  }

  replaceByEmpty(): void {
    this.#durable = new Map();
    this.#unsynced = [];
    this.#pairs = new Map();
  }

  engine(life: Life): IndexEngine {
    const work = () =>
      new Promise<void>((resolve) => life.after(this.#chance.between(0, SLOWEST_MS), resolve));
    const store: IndexStore = {
      get: async (key) => {
        await work();
        return this.#pairs.get(key.toString('hex'));
      },
      pairs: async function* (this: SimulatedIndex, range: { gte: Buffer; lt: Buffer }) {
        const [from, to] = [range.gte.toString('hex'), range.lt.toString('hex')];
        const snapshot: IndexPair[] = [...this.#pairs]
          .filter(([key]) => key >= from && key < to)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => [Buffer.from(key, 'hex'), value]);
        for (let at = 0; at < snapshot.length; at += PAIRS_AT_A_TIME) {
          await work();
          yield snapshot.slice(at, at + PAIRS_AT_A_TIME);
        }
      }.bind(this),
      write: async (operations, sync) => {
        if (life.isAlive) {
          apply(this.#pairs, operations);
          this.#unsynced.push(operations);
        }
        await work();
        if (sync) this.#sync(operations);
      },
      reopen: async () => {},
      close: async () => {},
    };
    return {
      open: async () => {
        await work();
        return store;
      },
      remove: () => {
        if (life.isAlive) this.replaceByEmpty();
      },
    };
  }

  /** These operations and all before them. */
  #sync(last: readonly IndexOperation[]): void {
    const count = this.#unsynced.indexOf(last) + 1;
    for (const operations of this.#unsynced.splice(0, count)) apply(this.#durable, operations);
  }
}

function apply(pairs: Map<string, Buffer>, operations: readonly IndexOperation[]): void {
  for (const operation of operations) {
    const key = operation.key.toString('hex');
    if (operation.type === 'put') pairs.set(key, operation.value);
    else pairs.delete(key);
  }
}
