// Owns the EventLog port: the only truth for state. Guarantees, for every adapter, proven by
// event-log.suite.ts: an append that resolved is durable; readers see a stream's events in revision order
// without gap; followers see a partition's events in position order without gap; a guard that does not hold
// leaves no trace.

/** `family/partitionKey` or `family/partitionKey/rest`. Streams of one partition key share a partition. */
export type StreamName = string;

/** Number of an event in its stream; the first is 0. */
export type Revision = number;

/** Where a record stands. Within a partition offsets rise without gap seen by followers. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** For each partition the next offset to be read. `[]` is the beginning of the log. */
export type Cursor = readonly number[];

export interface Actor {
  /** Account or user id; `system` for Strata's own agents. */
  readonly user: string;
  readonly project: string;
  readonly requestId: string;
}

/** An event as it is given to the log. The payload is encoded by the family's lifecycle table. */
export interface NewEvent {
  readonly type: string;
  readonly payload: Uint8Array;
}

export interface RecordedEvent extends NewEvent {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
  /** Milliseconds since the epoch, from the log's Clock; never goes back within a partition. */
  readonly timeMs: number;
  readonly actor: Actor;
  /** Id of the first event or request of the chain that led here. */
  readonly correlationId: string;
  /** Id of the event or request that directly caused this one. */
  readonly causationId: string;
}

/** `any`: append wherever the stream is. `none`: the stream has no event yet. Number: its last revision. */
export type Expectation = 'any' | 'none' | Revision;

export interface StreamGuard {
  readonly stream: StreamName;
  /** The last revision of that stream, or `none`. */
  readonly revision: Revision | 'none';
}

export interface AppendRequest {
  readonly stream: StreamName;
  /** One or more; they become visible together or not at all. */
  readonly events: readonly NewEvent[];
  readonly expect: Expectation;
  /** Other streams of the same partition that must still be as the caller saw them. */
  readonly alsoAt?: readonly StreamGuard[];
  readonly actor: Actor;
  readonly correlationId?: string;
  readonly causationId?: string;
}

export interface Appended {
  /** Revision of the last event of the append. */
  readonly revision: Revision;
  /** Position of the last event of the append. */
  readonly position: Position;
  /** Time of the events of the append, as recorded. */
  readonly timeMs: number;
}

export interface FollowOptions {
  readonly from: Cursor;
  /** Families to be seen; all when absent. */
  readonly categories?: readonly string[];
  /** Ends the iteration, without error. */
  readonly signal?: AbortSignal;
}

/** `details` of the fault `conflict`. */
export interface ConflictDetails {
  readonly stream: StreamName;
  readonly expected: Expectation;
  readonly actual: Revision | 'none';
}

export interface EventLog {
  /**
   * Resolves when the events are durable.
   * @throws Fault `conflict` (with {@link ConflictDetails}) when `expect` or a guard does not hold: nothing
   * was written. It is told when what made it fail is durable, so that `tail` lies behind that.
   * @throws Fault `no-space`, `busy` or `closed`: nothing was acknowledged.
   */
  append(request: AppendRequest): Promise<Appended>;
  /** The stream's events in order of revision, from `from` (default 0) to the last durable at the call. */
  read(stream: StreamName, options?: { readonly from?: Revision }): AsyncIterable<RecordedEvent>;
  /** Batches of events from the cursor on, for ever; never skips, never reorders within a partition. */
  follow(options: FollowOptions): AsyncIterable<readonly RecordedEvent[]>;
  /** A barrier for strong reads: whatever was acknowledged before the call lies before the cursor. */
  tail(): Promise<Cursor>;
  close(): Promise<void>;
}

/** The family of a stream: what stands before the first `/`. */
export function familyOf(stream: StreamName): string {
  const slash = stream.indexOf('/');
  return slash < 0 ? stream : stream.slice(0, slash);
}

/** The partition key of a stream: its second segment. */
export function partitionKeyOf(stream: StreamName): string {
  const start = stream.indexOf('/') + 1;
  const end = stream.indexOf('/', start);
  return end < 0 ? stream.slice(start) : stream.slice(start, end);
}

/** Whether everything up to and including `position` lies before the cursor. */
export function isBefore(position: Position, cursor: Cursor): boolean {
  return position.offset < (cursor[position.partition] ?? 0);
}
