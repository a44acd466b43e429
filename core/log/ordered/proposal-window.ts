// Owns the rule that counts every proposal once, however often it stands on the log, in memory that does
// not grow with the log.
//
// A proposer numbers its proposals, and no reader takes a number that is not above the last one it met of
// that proposer: so a repetition is void, and so is what comes so late that the proposer has gone on
// without it. For that a reader would have to remember each proposer for ever. Therefore a proposal also
// names its base, an offset that it cannot stand before, and is void if it stands more than `window`
// behind that. Now a proposer whose last proposal stands at `last` may be forgotten once the log is more
// than `window` beyond `last`: whatever comes of it then, repeated or late, was made before the one at
// `last`, so its base is not above `last`, and it is void by its base alone. Remembered or forgotten,
// every reader judges alike. The memory is one entry for each proposer that had a proposal among the last
// `window` offsets.

/** `repeated`: met before, or overtaken. `stale`: stands too far behind its base. Both are void. */
export type Standing = 'new' | 'repeated' | 'stale';

/** Proposer, the last sequence met of it, and the offset of that. */
export type SeenProposer = readonly [proposer: string, sequence: number, offset: number];

export class ProposalWindow {
  readonly #window: number;
  /** In order of their offsets. */
  readonly #seen = new Map<string, { sequence: number; offset: number }>();

  constructor(window: number, seen: readonly SeenProposer[] = []) {
    this.#window = window;
    for (const [proposer, sequence, offset] of seen) this.#seen.set(proposer, { sequence, offset });
  }

  /** To be called for each proposal of a partition, in order. */
  meet(proposal: { proposer: string; sequence: number; base: number }, offset: number): Standing {
    for (const [proposer, last] of this.#seen) {
      if (offset - last.offset <= this.#window) break;
      this.#seen.delete(proposer);
    }
    if (offset - proposal.base > this.#window) return 'stale';
    const seen = this.#seen.get(proposal.proposer);
    if (seen && proposal.sequence <= seen.sequence) return 'repeated';
    this.#seen.delete(proposal.proposer);
    this.#seen.set(proposal.proposer, { sequence: proposal.sequence, offset });
    return 'new';
  }

  seen(): SeenProposer[] {
    return Array.from(
      this.#seen,
      ([proposer, { sequence, offset }]) => [proposer, sequence, offset] as const,
    );
  }
}
