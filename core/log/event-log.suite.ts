// Owns the conformance suite of the EventLog port: every promise of event-log.ts as a case, so that an
// adapter's test is a factory and a list of what it supports. Cases say what must hold, never how an adapter
// does it.

import type { TestFn } from 'ava';
import { appendCases } from './suite/append-cases.ts';
import { followCases } from './suite/follow-cases.ts';
import { guardCases } from './suite/guard-cases.ts';
import { lifeCases } from './suite/life-cases.ts';
import type { EventLogFactory } from './suite/support.ts';

export type { EventLogFactory, EventLogSupports, OpenLog } from './suite/support.ts';

/** Declares all cases that the adapter supports as tests. */
export function eventLogSuite(test: TestFn, factory: EventLogFactory): void {
  for (const cases of [appendCases, guardCases, followCases, lifeCases]) cases(test, factory);
}
