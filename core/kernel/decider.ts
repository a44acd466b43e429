// Owns the shape of a decider: pure, synchronous, without clock, randomness or I/O. What varies from run to
// run (ids, time) arrives in the command.

/**
 * A domain "no", from a closed union; each gateway has a total table from these codes to its dialect's
 * errors.
 */
export interface Rejection<Code extends string = string> {
  readonly rejected: Code;
}

/** Whether an outcome, of a decision or of a use case, is the domain's "no". */
export function isRejected<Value, Code extends string>(
  outcome: Value | Rejection<Code>,
): outcome is Rejection<Code> {
  return typeof outcome === 'object' && outcome !== null && 'rejected' in outcome;
}

/** Facts of the envelope that a fold may use. */
export interface EventFacts {
  readonly stream: string;
  readonly revision: number;
  readonly timeMs: number;
}

export interface Decider<
  State,
  Command,
  Event extends { readonly type: string; readonly data: unknown },
  Code extends string,
> {
  readonly family: string;
  readonly initial: State;
  decide(state: State, command: Command): readonly Event[] | Rejection<Code>;
  evolve(state: State, event: Event, facts: EventFacts): State;
}
