// Owns the port of what any broker can give: records that keep one order for every reader. Nothing more is
// asked of it, neither guards nor exactly-once, for GuardedLog makes those (docs/decisions/0009).

export interface OrderedRecord {
  /** Rises within a partition; two neighbours need not differ by one. */
  readonly offset: number;
  /** Never written again. */
  readonly bytes: Buffer;
}

export interface OrderedLog {
  readonly partitions: number;
  /**
   * Resolves when all records are durable, in this order. When it rejects nothing is known: each of them may
   * be absent, may come to stand later, or may stand twice. It settles within seconds, whatever is broken.
   */
  produce(partition: number, records: readonly Uint8Array[]): Promise<void>;
  /**
   * Durable records from the offset on, in order, without gap, for ever: it mends a lost connection itself.
   * Ends, without error, when the signal is aborted.
   * @throws Fault `corruption` when the records from the offset on are not there any more
   */
  consume(partition: number, from: number, signal: AbortSignal): AsyncIterable<readonly OrderedRecord[]>;
  /**
   * Of each partition the offset behind every record acknowledged, to anyone, before the call.
   * @throws Fault `log-unavailable`
   */
  ends(): Promise<readonly number[]>;
  /** Produces and consumers under way end. */
  close(): Promise<void>;
}
