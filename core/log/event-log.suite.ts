// Owns the conformance suite of the EventLog port: every promise of event-log.ts as a case, so that an adapter's
// test is a factory and a list of what it supports. Cases say what must hold, never how an adapter does it.

import type { TestFn } from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import type { EventLog } from './event-log.ts';
import { appendCases } from './suite/append-cases.ts';
import { followCases } from './suite/follow-cases.ts';
import { guardCases } from './suite/guard-cases.ts';
import { lifeCases } from './suite/life-cases.ts';

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

/** Declares all cases that the adapter supports as tests. */
export function eventLogSuite(test: TestFn, factory: EventLogFactory): void {
  for (const cases of [appendCases, guardCases, followCases, lifeCases]) cases(test, factory);
}
