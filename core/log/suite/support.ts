// Owns what the cases of the log's suite share: what an adapter gives, opening a log for one case, making
// events, collecting what is read.

import type { ExecutionContext, TestFn } from 'ava';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import type {
  Actor,
  Appended,
  AppendRequest,
  EventLog,
  FollowOptions,
  NewEvent,
  RecordedEvent,
} from '../event-log.ts';

export interface EventLogSupports {
  /** `reopen` gives a log with all that was acknowledged. */
  readonly reopen: boolean;
  /** Times of events come from the clock given to `open`. */
  readonly clock: boolean;
}

export interface OpenLog {
  readonly log: EventLog;
  /** Closes the log and opens it again on the same data. */
  reopen(): Promise<EventLog>;
  /** Closes it if it is open, and removes its data. */
  destroy(): Promise<void>;
}

export interface EventLogFactory {
  readonly name: string;
  readonly supports: EventLogSupports;
  /** A log without events. */
  open(clock: Clock): Promise<OpenLog>;
}

export const ACTOR: Actor = { user: 'ada', project: 'analytical-engine', requestId: 'request-1' };

export function event(text: string, type = 'Noted'): NewEvent {
  return { type, payload: Buffer.from(text) };
}

export function textOf(recorded: { readonly payload: Uint8Array }): string {
  return Buffer.from(recorded.payload).toString();
}

/** Appends events of these texts, wherever the stream is unless told otherwise. */
export function note(
  log: EventLog,
  stream: string,
  texts: string | readonly string[],
  more?: Partial<AppendRequest>,
): Promise<Appended> {
  const events = (typeof texts === 'string' ? [texts] : texts).map((text) => event(text));
  return log.append({ stream, events, expect: 'any', actor: ACTOR, ...more });
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function textsIn(log: EventLog, stream: string, from?: number): Promise<string[]> {
  const events = await collect(log.read(stream, from === undefined ? {} : { from }));
  return events.map(textOf);
}

/** Follows until `count` events came. */
export async function followCount(
  log: EventLog,
  count: number,
  options?: Partial<FollowOptions>,
): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  if (count === 0) return events;
  for await (const batch of log.follow({ from: [], ...options })) {
    events.push(...batch);
    if (events.length >= count) break;
  }
  return events;
}

/** All that lies before the tail, for a log whose events are all of one partition key. */
export async function followToTail(
  log: EventLog,
  options?: Partial<FollowOptions>,
): Promise<RecordedEvent[]> {
  const tail = await log.tail();
  const events: RecordedEvent[] = [];
  if (!tail.some((offset) => offset > 0)) return events;
  for await (const batch of log.follow({ from: [], ...options })) {
    events.push(...batch);
    const last = batch.at(-1)?.position;
    if (last && last.offset + 1 >= (tail[last.partition] ?? 0)) break;
  }
  return events;
}

/** Declares a test that has an empty log for itself. */
export function logTest(
  test: TestFn,
  factory: EventLogFactory,
  title: string,
  body: (t: ExecutionContext, log: EventLog, open: OpenLog) => Promise<void>,
  clock: Clock = systemClock,
): void {
  test(`${factory.name}: ${title}`, async (t) => {
    const open = await factory.open(clock);
    try {
      await body(t, open.log, open);
    } finally {
      await open.destroy();
    }
  });
}
