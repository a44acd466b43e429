// Owns the proof that deciders and lifecycle tables tell the same story: along any legal life a decider's
// fold never fails, and its status is the table's.

import test, { type ExecutionContext } from 'ava';
import fastCheck from 'fast-check';
import { bucketDecider } from '#core/buckets/buckets.decider.ts';
import { buckets } from '#core/buckets/buckets.events.ts';
import { accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts } from '#core/identity/accounts.events.ts';
import { catalogDecider, quotaDecider } from '#core/identity/catalog.decider.ts';
import { catalog, quotas } from '#core/identity/catalog.events.ts';
import {
  domainDecider,
  groupDecider,
  nameDecider,
  projectDecider,
} from '#core/identity/directory.decider.ts';
import { domains, groups, names, projects } from '#core/identity/directory.events.ts';
import { federationDecider } from '#core/identity/federation.decider.ts';
import { federation } from '#core/identity/federation.events.ts';
import { assignmentDecider, roleDecider } from '#core/identity/roles.decider.ts';
import { assignments, roles } from '#core/identity/roles.events.ts';
import { tokenDecider } from '#core/identity/tokens.decider.ts';
import { tokens } from '#core/identity/tokens.events.ts';
import { trustDecider } from '#core/identity/trusts.decider.ts';
import { trusts } from '#core/identity/trusts.events.ts';
import { userDecider } from '#core/identity/users.decider.ts';
import { users } from '#core/identity/users.events.ts';
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
test('federation folds along every legal life', (t) => foldsEveryLife(t, federation, federationDecider));
test('a trust folds along every legal life', (t) => foldsEveryLife(t, trusts, trustDecider));
test('an object folds along every legal life', (t) => foldsEveryLife(t, objects, objectDecider));
test('an upload folds along every legal life', (t) => foldsEveryLife(t, uploads, uploadDecider));
test('a part folds along every legal life', (t) => foldsEveryLife(t, parts, partDecider));
test('a domain folds along every legal life', (t) => foldsEveryLife(t, domains, domainDecider));
test('a project folds along every legal life', (t) => foldsEveryLife(t, projects, projectDecider));
test('a group folds along every legal life', (t) => foldsEveryLife(t, groups, groupDecider));
test('a name folds along every legal life', (t) => foldsEveryLife(t, names, nameDecider));
test('a user folds along every legal life', (t) => foldsEveryLife(t, users, userDecider));
test('a role folds along every legal life', (t) => foldsEveryLife(t, roles, roleDecider));
test('assignments fold along every legal life', (t) => foldsEveryLife(t, assignments, assignmentDecider));
test('the catalog folds along every legal life', (t) => foldsEveryLife(t, catalog, catalogDecider));
test('limits of projects fold along every legal life', (t) => foldsEveryLife(t, quotas, quotaDecider));
test('keys of tokens fold along every legal life', (t) => foldsEveryLife(t, tokens, tokenDecider));
