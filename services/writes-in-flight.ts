// Owns the list of writes whose bytes may not have a name yet: what must be prolonged when it takes long
// (bucket-collection.ts), and what a stopping program waits for.

/** One body on its way to a name in a bucket. */
export interface PendingWrite {
  readonly bucket: string;
  /** 32 hexadecimal digits. */
  readonly blob: string;
  /** Revision of the bucket's stream when the write began, or was prolonged last. */
  since: number;
}

export class WritesInFlight {
  readonly #pending = new Set<PendingWrite>();
  #count = 0;

  /** Runs `write`, from before its first chunk until its name is applied or given up. */
  async track<Result>(write: () => Promise<Result>, pending?: PendingWrite): Promise<Result> {
    this.#count++;
    if (pending) this.#pending.add(pending);
    try {
      return await write();
    } finally {
      this.#count--;
      if (pending) this.#pending.delete(pending);
    }
  }

  get count(): number {
    return this.#count;
  }

  pending(): Iterable<PendingWrite> {
    return this.#pending;
  }
}
