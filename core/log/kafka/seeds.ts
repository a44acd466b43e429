// Owns the order in which brokers are tried to begin with. The library always begins with the first of its
// list, stays with it though it takes connections and answers nothing, as a stopped process does, and
// believes it though it is cut off from its peers: so whoever did not serve goes to the end, for all sessions
// of a log.

export class Seeds {
  #order: readonly string[];

  constructor(brokers: readonly string[]) {
    this.#order = brokers;
  }

  /** `host:port`, the one to begin with first. */
  get order(): readonly string[] {
    return this.#order;
  }

  /** Of several sessions that failed after they began with the same broker, one counts. */
  passOver(broker: string): void {
    const [first, ...others] = this.#order;
    if (first === broker) this.#order = [...others, first];
  }
}
