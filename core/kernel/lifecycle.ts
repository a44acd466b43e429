// Owns the lifecycle table: one table per aggregate, one row per event. From it come the event union, the
// binary codec, the published .proto, the legality check, the property walks and the diagram. The guarantee:
// what is not in the table can be neither written nor read.

import protobuf from 'protobufjs';
import { assert } from './assert.ts';
import type { DataOf, Field, Fields } from './fields.ts';

export interface EventRow<Status extends string = string> {
  /** The protobuf number of the event in its family; published, so never reused. */
  readonly id: number;
  readonly from: readonly Status[];
  readonly to: Status;
  readonly data: Fields;
}

export interface LifecycleTable<Status extends string = string> {
  readonly statuses: readonly Status[];
  readonly initial: Status;
  readonly events: { readonly [type: string]: EventRow<Status> };
}

/** The event union of a table: `{ type: 'VolumeAttached', data: { serverId, … } } | …`. */
export type EventOf<T extends LifecycleTable> = {
  [Type in keyof T['events'] & string]: {
    readonly type: Type;
    readonly data: DataOf<T['events'][Type]['data']>;
  };
}[keyof T['events'] & string];

export type StatusOf<T extends LifecycleTable> = T['statuses'][number];

export interface Lifecycle<T extends LifecycleTable = LifecycleTable> {
  readonly family: string;
  readonly table: T;
  /** The protobuf message types, for the published schema. */
  readonly namespace: protobuf.Namespace;
  encode(event: EventOf<T>): Uint8Array;
  /** Of a type that is known, the event of that type. */
  decode<Type extends string>(type: Type, payload: Uint8Array): Extract<EventOf<T>, { readonly type: Type }>;
  /** The status after `type`, or undefined where the event is not legal in `status`. */
  next(status: StatusOf<T>, type: EventOf<T>['type']): StatusOf<T> | undefined;
}

export function lifecycle<
  const Status extends string,
  const Events extends { readonly [type: string]: EventRow<NoInfer<Status>> },
>(
  family: string,
  table: { readonly statuses: readonly Status[]; readonly initial: NoInfer<Status>; readonly events: Events },
): Lifecycle<{ statuses: readonly Status[]; initial: Status; events: Events }> {
  type Table = { statuses: readonly Status[]; initial: Status; events: Events };
  const namespace = new protobuf.Root().define(`strata.events.${family}`);
  const messages = new Map<string, protobuf.Type>();
  const seen = new Set<number>();
  for (const [type, row] of Object.entries(table.events)) {
    assert(!seen.has(row.id), `${family}: event number ${row.id} is used twice`);
    seen.add(row.id);
    const message = messageType(type, row.data);
    namespace.add(message);
    messages.set(type, message);
  }
  const messageOf = (type: string) => {
    const message = messages.get(type);
    assert(message, `${family}: no event ${type}`);
    return message;
  };
  return {
    family,
    table: table as Table,
    namespace,
    encode: (event) =>
      messageOf(event.type)
        .encode(event.data as Record<string, unknown>)
        .finish(),
    decode: (type, payload) => {
      const message = messageOf(type);
      return { type, data: message.toObject(message.decode(payload), PLAIN) } as never;
    },
    next: (status, type) => {
      const row = table.events[type];
      return row?.from.includes(status) ? (row.to as Status) : undefined;
    },
  };
}

const PLAIN: protobuf.IConversionOptions = { longs: Number, defaults: true, arrays: true, objects: true };

function messageType(name: string, fields: Fields): protobuf.Type {
  const message = new protobuf.Type(name);
  for (const [fieldName, field] of Object.entries(fields)) addField(message, fieldName, field);
  return message;
}

function addField(message: protobuf.Type, name: string, field: Field<unknown>): void {
  if (field.type === 'map') {
    message.add(new protobuf.MapField(name, field.number, 'string', 'string'));
    return;
  }
  let type: string = field.type;
  if (field.type === 'record') {
    assert(field.fields, `${name}: a record has fields`);
    type = name[0]?.toUpperCase() + name.slice(1);
    message.add(messageType(type, field.fields));
  }
  const rule = field.repeated ? 'repeated' : field.optional ? 'optional' : undefined;
  const options = field.optional ? { proto3_optional: true } : undefined;
  const made = new protobuf.Field(name, field.number, type, rule, undefined, options);
  message.add(made);
  if (field.optional) message.add(new protobuf.OneOf(`_${name}`, [name]));
}
