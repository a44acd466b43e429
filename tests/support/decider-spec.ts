// Owns the given/when/then form of decider tests. Guarantee: the history is folded by the decider's own
// `evolve`, and what was decided is folded too, so an event that its own fold cannot take fails the test
// that produced it.

import type { ExecutionContext } from 'ava';
import type { Decider, EventFacts, Rejection } from '#core/kernel/decider.ts';
import { isRejected } from '#core/kernel/decider.ts';

export interface DeciderSpec<Command, Event, Code extends string> {
  /** The events that happened before, oldest first. */
  given(...history: readonly Event[]): {
    when(command: Command): {
      /** Exactly these events, or this rejection. */
      then(expected: readonly Event[] | Rejection<Code>): void;
    };
  };
}

/** @param facts what the fold is told about the event at a revision; the defaults count from 0. */
export function deciderSpec<
  State,
  Command,
  Event extends { readonly type: string; readonly data: unknown },
  Code extends string,
>(
  t: ExecutionContext,
  decider: Decider<State, Command, Event, Code>,
  facts: (revision: number) => Partial<EventFacts> = () => ({}),
): DeciderSpec<Command, Event, Code> {
  const fold = (state: State, events: readonly Event[], from: number): State =>
    events.reduce((folded, event, index) => {
      const revision = from + index;
      const stream = `${decider.family}/test`;
      return decider.evolve(folded, event, { stream, revision, timeMs: revision, ...facts(revision) });
    }, state);
  return {
    given: (...history) => ({
      when: (command) => ({
        // biome-ignore lint/suspicious/noThenProperty: given/when/then is the form; nothing ever awaits it.
        then: (expected) => {
          const state = fold(decider.initial, history, 0);
          const decided = decider.decide(state, command);
          t.deepEqual<unknown, unknown>(decided, expected);
          if (!isRejected(decided)) fold(state, decided, history.length);
        },
      }),
    }),
  };
}
