// Owns how an event of the log is shown to people: one JSON object, the payload decoded by its family's
// table, and no secret in it, sealed or not.

import { families } from '#core/families.ts';
import { type Actor, familyOf, type RecordedEvent } from '#core/log/event-log.ts';

/** An event of the log as an operator reads it: decoded, with secrets left sealed. */
interface ReadableEvent {
  /** `partition:offset`. */
  readonly position: string;
  readonly time: string;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: unknown;
  readonly actor: Actor;
  readonly id: string;
  readonly causationId: string;
  readonly correlationId: string;
}

export function readableEvent(event: RecordedEvent): ReadableEvent {
  return {
    position: `${event.position.partition}:${event.position.offset}`,
    time: new Date(event.timeMs).toISOString(),
    stream: event.stream,
    revision: event.revision,
    type: event.type,
    data: dataOf(event),
    actor: event.actor,
    id: event.id,
    causationId: event.causationId,
    correlationId: event.correlationId,
  };
}

/** Of a family or an event that this version does not know: how many bytes it has. */
function dataOf(event: RecordedEvent): unknown {
  const family = familyOf(event.stream);
  const lifecycle = Object.hasOwn(families, family) ? families[family as keyof typeof families] : undefined;
  if (!lifecycle || !Object.hasOwn(lifecycle.table.events, event.type)) {
    return { undecoded: `${event.payload.length} bytes` };
  }
  return readable(lifecycle.decode(event.type, event.payload).data);
}

function readable(value: unknown, name = ''): unknown {
  if (value instanceof Uint8Array) {
    return name.startsWith('sealed') ? '[sealed]' : Buffer.from(value).toString('base64');
  }
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, readable(inner, field)]));
}
