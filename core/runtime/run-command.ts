// Owns the handling of a command: look at the state, decide, append under guards, and on a lost race look
// again. The guarantee: the events were decided on exactly the state that the append's guards pin down.

import { type Decider, isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import type { EventOf, Lifecycle, LifecycleTable } from '#core/kernel/lifecycle.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor, Appended, EventLog, Expectation, StreamGuard } from '#core/log/event-log.ts';

/** What a command is decided on. */
export interface View<State> {
  readonly state: State;
  /** Pins the stream to the state; `any` only where the decision does not depend on it. */
  readonly expect: Expectation;
  readonly alsoAt?: readonly StreamGuard[];
}

export interface CommandRun<
  Table extends LifecycleTable,
  State,
  Command,
  Code extends string,
  Refused extends string = never,
> {
  readonly decider: Decider<State, Command, EventOf<Table>, Code>;
  readonly lifecycle: Lifecycle<Table>;
  readonly stream: string;
  readonly command: Command;
  readonly actor: Actor;
  /**
   * The present state, or why the command is refused before it is decided. Called again after a lost race.
   */
  view(): View<State> | Rejection<Refused>;
  /** Resolves when `view` sees whatever made the last append fail. */
  refresh(): Promise<void>;
}

/**
 * Undefined when the decider found that there was nothing to do.
 * @throws Fault `conflict` when the race was lost limits.commandAttempts times, and what the log throws.
 */
export async function runCommand<
  Table extends LifecycleTable,
  State,
  Command,
  Code extends string,
  Refused extends string = never,
>(
  log: EventLog,
  run: CommandRun<Table, State, Command, Code, Refused>,
): Promise<Appended | undefined | Rejection<Code | Refused>> {
  for (let attempt = 0; attempt < limits.commandAttempts; attempt++) {
    const view = run.view();
    if (isRejected(view)) return view;
    const outcome = run.decider.decide(view.state, run.command);
    if (isRejected(outcome)) return outcome;
    if (outcome.length === 0) return undefined;
    try {
      return await log.append({
        stream: run.stream,
        events: outcome.map((event) => ({ type: event.type, payload: run.lifecycle.encode(event) })),
        expect: view.expect,
        ...(view.alsoAt && { alsoAt: view.alsoAt }),
        actor: run.actor,
        correlationId: run.actor.requestId,
        causationId: run.actor.requestId,
      });
    } catch (error) {
      if (!isFault(error, 'conflict')) throw error;
      await run.refresh();
    }
  }
  throw new Fault('conflict', `${run.stream}: lost the race ${limits.commandAttempts} times`);
}
