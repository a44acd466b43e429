// Owns what the clients did and saw: every value with its bytes, and for each key the calls and answers, in
// the order in which they happened.

import { createHash } from 'node:crypto';
import type { Action, Operation } from '#tests/support/linearizability.ts';

/** A value that some client wrote, or tried to. Its name is its etag. */
export interface KnownValue {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: string;
}

export class History {
  readonly #values = new Map<string, KnownValue>();
  readonly #operations = new Map<string, Operation[]>();
  #moments = 0;

  know(value: KnownValue): void {
    this.#values.set(value.name, value);
  }

  valueOf(name: string): KnownValue | undefined {
    return this.#values.get(name);
  }

  moment(): number {
    return ++this.#moments;
  }

  record(bucket: string, key: string, calledAt: number, action: Action): void {
    const place = `${bucket}/${key}`;
    const operations = this.#operations.get(place) ?? [];
    this.#operations.set(place, operations);
    operations.push({ calledAt, answeredAt: this.moment(), action });
  }

  get keys(): Iterable<[string, readonly Operation[]]> {
    return this.#operations;
  }
}

export const digestOf = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
