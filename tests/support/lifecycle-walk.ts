// Owns the random life of an aggregate: from a lifecycle table alone, sequences of legal events with random
// payloads.

import fastCheck, { type Arbitrary } from 'fast-check';
import type { Field, Fields } from '#core/kernel/fields.ts';
import type { EventOf, Lifecycle, LifecycleTable } from '#core/kernel/lifecycle.ts';

/** Any payload that the fields allow, now and then an extreme one. */
export function payloadOf(fields: Fields): Arbitrary<Record<string, unknown>> {
  const values: Record<string, Arbitrary<unknown>> = {};
  const required: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const one = fieldValue(field);
    values[name] = field.repeated ? fastCheck.array(one, { maxLength: 4 }) : one;
    if (!field.optional) required.push(name);
  }
  return fastCheck.record(values, { requiredKeys: required, noNullPrototype: true });
}

/** Without lone surrogates: what UTF-8 can carry. */
const anyText = fastCheck.string({ unit: 'binary', maxLength: 24 });

function fieldValue(field: Field<unknown>): Arbitrary<unknown> {
  switch (field.type) {
    case 'string':
      return anyText;
    case 'bytes':
      return fastCheck.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
    case 'uint64':
      return fastCheck.maxSafeNat();
    case 'bool':
      return fastCheck.boolean();
    case 'map':
      return fastCheck.dictionary(anyText, anyText, { maxKeys: 4, noNullPrototype: true });
    case 'record':
      return payloadOf(field.fields ?? {});
  }
}

/** A legal event and the status that it leads to. */
export interface Step<Table extends LifecycleTable> {
  readonly event: EventOf<Table>;
  readonly status: string;
}

/**
 * Lives from the initial status on, of up to `maxEvents` events, ended early only where nothing is legal any
 * more.
 */
export function walkOf<Table extends LifecycleTable>(
  lifecycle: Lifecycle<Table>,
  maxEvents = 12,
): Arbitrary<readonly Step<Table>[]> {
  const { table } = lifecycle;
  const draws = fastCheck.array(fastCheck.nat(), { maxLength: maxEvents });
  return draws.chain((numbers) => {
    let status: string = table.initial;
    const steps: Arbitrary<Step<Table>>[] = [];
    for (const number of numbers) {
      const legal = Object.entries(table.events).filter(([, row]) => row.from.includes(status));
      const drawn = legal[number % legal.length];
      if (!drawn) break;
      const [type, row] = drawn;
      status = row.to;
      steps.push(
        payloadOf(row.data).map((data) => ({ event: { type, data } as EventOf<Table>, status: row.to })),
      );
    }
    return fastCheck.tuple(...steps);
  });
}
