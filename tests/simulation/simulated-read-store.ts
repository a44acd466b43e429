// Owns the twin of the read models' database: what a resolved write said outlives a crash, and one under way
// is there whole or not at all.

import { Fault } from '#core/kernel/errors.ts';
import { createMemoryStore, MemoryBatch } from '#projections/store/memory-store.ts';
import type { ReadStore, TableWrite } from '#projections/store/read-store.ts';
import type { Chance, Life, World } from './world.ts';

const SLOWEST_MS = 5;

export class SimulatedReadStore {
  isFull = false;
  readonly #chance: Chance;
  #store = createMemoryStore();

  constructor(world: World, name: string) {
    this.#chance = world.chance(`read store ${name}`);
  }

  replaceByEmpty(): void {
    this.#store = createMemoryStore();
  }

  view(life: Life): ReadStore {
    const store = this.#store;
    const work = () =>
      new Promise<void>((resolve) => life.after(this.#chance.between(0, SLOWEST_MS), resolve));
    const write = async (writes: readonly TableWrite[]) => {
      if (this.isFull) throw new Fault('no-space', 'the read models have no space left');
      // Where the program dies meanwhile the rows may be there all the same.
      const isEarly = this.#chance.happens(0.5);
      if (isEarly && life.isAlive) await store.write(writes);
      await work();
      if (!isEarly) await store.write(writes);
    };
    return { ...store, write, batch: () => new MemoryBatch(write) };
  }
}
