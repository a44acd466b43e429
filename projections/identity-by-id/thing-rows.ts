// Owns the rows that all sorts of things have: the thing by its id, its name, and what its end leaves.

import { identityIdOf } from '#core/identity/directory.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import type { RowWriter } from '../store/projection.ts';
import type { Things } from './identity-by-id.query.ts';
import { jsonRow, readJson, rowKey, type ThingKind } from './identity-rows.ts';

/** Whoever is disabled, and be it for a moment, loses all tokens. */
export function endedTokens(
  { enabled }: { readonly enabled?: boolean },
  { revision }: RecordedEvent,
): { readonly tokensFrom?: number } {
  return enabled === false ? { tokensFrom: revision } : {};
}

/** The rows of one thing: itself, its name, and what its end leaves. */
export class ThingRows<Kind extends ThingKind> {
  readonly id: string;
  readonly #kind: Kind;
  readonly #recorded: RecordedEvent;
  readonly #rows: RowWriter;

  constructor(kind: Kind, recorded: RecordedEvent, rows: RowWriter) {
    this.id = identityIdOf(recorded.stream);
    this.#kind = kind;
    this.#recorded = recorded;
    this.#rows = rows;
  }

  born(): { readonly id: string; readonly createdMs: number; readonly revision: number } {
    const { timeMs, revision } = this.#recorded;
    return { id: this.id, createdMs: timeMs, revision };
  }

  before(): Things[Kind] {
    const row = this.#rows.get(rowKey.thing(this.#kind, this.id));
    assert(row, `${this.#recorded.type} of the ${this.#kind} ${this.id}, which is not there`);
    return readJson(row);
  }

  put(thing: Things[Kind], scopeId: string): void {
    this.#rows.put(rowKey.thing(this.#kind, this.id), jsonRow(thing));
    this.#rows.put(rowKey.name(this.#kind, scopeId, thing.name), jsonRow(this.id));
  }

  change(scopeId: string, changed: (thing: Things[Kind]) => Things[Kind]): void {
    const before = this.before();
    const after = { ...changed(before), revision: this.#recorded.revision };
    if (before.name !== after.name) this.#freeName(scopeId, before.name);
    this.put(after, scopeId);
  }

  remove(scopeId: string): void {
    this.#freeName(scopeId, this.before().name);
    this.#rows.delete(rowKey.thing(this.#kind, this.id));
    this.#rows.put(rowKey.gone(this.#kind, this.id), jsonRow(this.#recorded.revision));
  }

  /** A name that another has taken since stays that other's. */
  #freeName(scopeId: string, name: string): void {
    const key = rowKey.name(this.#kind, scopeId, name);
    const holder = this.#rows.get(key);
    if (holder && readJson<string>(holder) === this.id) this.#rows.delete(key);
  }
}
