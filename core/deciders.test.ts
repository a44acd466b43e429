// Owns the proof that deciders and lifecycle tables tell the same story: along any legal life a decider's
// fold never fails, and its status is the table's.

import test, { type ExecutionContext } from 'ava';
import fastCheck from 'fast-check';
import { bucketDecider } from '#core/buckets/buckets.decider.ts';
import { buckets } from '#core/buckets/buckets.events.ts';
import { accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts } from '#core/identity/accounts.events.ts';
import type { Decider } from '#core/kernel/decider.ts';
import type { EventOf, Lifecycle, LifecycleTable } from '#core/kernel/lifecycle.ts';
import { objectDecider } from '#core/objects/objects.decider.ts';
import { objects } from '#core/objects/objects.events.ts';
import { partDecider, uploadDecider } from '#core/objects/uploads.decider.ts';
import { parts, uploads } from '#core/objects/uploads.events.ts';
import { walkOf } from '#tests/support/lifecycle-walk.ts';

function foldsEveryLife<State extends { readonly status: string }, Command, Table extends LifecycleTable>(
  t: ExecutionContext,
  lifecycle: Lifecycle<Table>,
  decider: Decider<State, Command, EventOf<Table>, string>,
): void {
  t.is(decider.family, lifecycle.family);
  t.is(decider.initial.status, lifecycle.table.initial);
  fastCheck.assert(
    fastCheck.property(walkOf(lifecycle, 20), (steps) => {
      let state = decider.initial;
      for (const [revision, { event, status }] of steps.entries()) {
        const before = JSON.stringify(state);
        const previous = state;
        state = decider.evolve(state, event, { stream: 'stream', revision, timeMs: revision });
        t.is(state.status, status);
        t.is(JSON.stringify(previous), before);
      }
    }),
  );
}

test('a bucket folds along every legal life', (t) => foldsEveryLife(t, buckets, bucketDecider));
test('an account folds along every legal life', (t) => foldsEveryLife(t, accounts, accountDecider));
test('an object folds along every legal life', (t) => foldsEveryLife(t, objects, objectDecider));
test('an upload folds along every legal life', (t) => foldsEveryLife(t, uploads, uploadDecider));
test('a part folds along every legal life', (t) => foldsEveryLife(t, parts, partDecider));
