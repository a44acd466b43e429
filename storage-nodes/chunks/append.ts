// Owns one needle on its way to the disk, and the promise of whoever wants it there.

import type { Place } from './chunk-index.ts';
import type { NeedleFields } from './needle.ts';
import type { Purpose } from './segment-table.ts';

export interface AppendFields extends NeedleFields {
  readonly purpose: Purpose;
  /** The id as a Latin-1 string. */
  readonly key: string;
  /** What this needle takes the place of. */
  readonly previous: Place | undefined;
}

/** A class with all its fields from the start, and no function of its own: there is one for every put. */
export class Append implements AppendFields {
  readonly purpose: Purpose;
  readonly kind: number;
  readonly id: Uint8Array;
  readonly key: string;
  readonly data: Uint8Array;
  readonly checksums: Uint32Array;
  readonly owner: string;
  readonly ownerBytes: number;
  readonly createdMs: number;
  readonly replaces: number;
  readonly previous: Place | undefined;
  readonly settled: Promise<void>;
  /** Holds the append under its key until it has settled. */
  holder: Map<string, unknown> | undefined;
  #resolve: () => void = nothing;
  #reject: (fault: unknown) => void = nothing;

  constructor(fields: AppendFields) {
    this.purpose = fields.purpose;
    this.kind = fields.kind;
    this.id = fields.id;
    this.key = fields.key;
    this.data = fields.data;
    this.checksums = fields.checksums;
    this.owner = fields.owner;
    this.ownerBytes = fields.ownerBytes;
    this.createdMs = fields.createdMs;
    this.replaces = fields.replaces;
    this.previous = fields.previous;
    this.holder = undefined;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  done(): void {
    this.holder?.delete(this.key);
    this.#resolve();
  }

  failed(fault: unknown): void {
    this.holder?.delete(this.key);
    this.#reject(fault);
  }
}

function nothing(): void {}
