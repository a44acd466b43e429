// Owns the clearing away of what deletions leave: the engine keeps a marker for each, and a scan steps over
// all of them. A million of them would make an empty listing take a second. So where enough has been deleted
// the range is compacted, in the background, at a cost that stays in proportion to what was deleted.

import { compareKeys } from './key-order.ts';

/** What a sweep needs of the engine. */
export interface Compactable {
  /** Bytes on the disk. */
  approximateSize(start: string, end: string): Promise<number>;
  compactRange(start: string, end: string): Promise<void>;
}

/** Fewer are stepped over in some milliseconds. */
export const SWEEP_DELETIONS_MIN = 20_000;
/** A larger range waits for more deletions: each pays for the rewriting of about so much. */
export const SWEEP_BYTES_PER_DELETION = 1_024;

interface DeletedRange {
  deletions: number;
  lowest: string;
  highest: string;
}

export class DeletionSweep {
  readonly #engine: Compactable;
  readonly #tables = new Map<string, DeletedRange>();
  #sweeping: Promise<void> | undefined;

  constructor(engine: Compactable) {
    this.#engine = engine;
  }

  /** @param key as the engine has it. */
  note(table: string, key: string): void {
    const range = this.#tables.get(table);
    if (range === undefined) {
      this.#tables.set(table, { deletions: 1, lowest: key, highest: key });
      return;
    }
    range.deletions++;
    if (compareKeys(key, range.lowest) < 0) range.lowest = key;
    else if (compareKeys(key, range.highest) > 0) range.highest = key;
  }

  /** Sweeps where it is due; returns at once, and does nothing while a sweep is under way. */
  begin(): void {
    if (this.#sweeping) return;
    const due = [...this.#tables].filter(([, { deletions }]) => deletions >= SWEEP_DELETIONS_MIN);
    if (due.length === 0) return;
    this.#sweeping = this.#sweep(due)
      // Nothing is lost without it; an engine that is ill says so at its next write.
      .catch(() => {})
      .then(() => {
        this.#sweeping = undefined;
      });
  }

  /** Resolves when no sweep is under way. */
  async settled(): Promise<void> {
    await this.#sweeping;
  }

  async #sweep(due: readonly (readonly [string, DeletedRange])[]): Promise<void> {
    for (const [table, range] of due) {
      const { deletions, lowest, highest } = range;
      const bytes = await this.#engine.approximateSize(lowest, highest);
      if (bytes > deletions * SWEEP_BYTES_PER_DELETION) continue;
      this.#tables.delete(table);
      await this.#engine.compactRange(lowest, highest);
    }
  }
}
