// Owns the specification of roles, of who has them, and of the keys of tokens.

import test from 'ava';
import fastCheck from 'fast-check';
import { isRejected } from '#core/kernel/decider.ts';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { assignmentDecider, roleDecider } from './roles.decider.ts';
import type { RoleEvent } from './roles.events.ts';
import { tokenDecider } from './tokens.decider.ts';
import type { TokenEvent } from './tokens.events.ts';

const role = { name: 'member', description: '', domainId: '' };
const created: RoleEvent = { type: 'RoleCreated', data: role };
const implied: RoleEvent = { type: 'RoleImplied', data: { impliedRoleId: 'reader' } };

test('a role implies another once, and can end that', (t) => {
  const { given } = deciderSpec(t, roleDecider);
  given(created).when({ type: 'ImplyRole', impliedRoleId: 'reader' }).then([implied]);
  given(created, implied).when({ type: 'ImplyRole', impliedRoleId: 'reader' }).then([]);
  given(created, implied)
    .when({ type: 'UnimplyRole', impliedRoleId: 'reader' })
    .then([{ type: 'RoleUnimplied', data: { impliedRoleId: 'reader' } }]);
  given(created)
    .when({ type: 'UnimplyRole', impliedRoleId: 'reader' })
    .then({ rejected: 'no-such-implied-role' });
  given().when({ type: 'UpdateRole', name: 'x' }).then({ rejected: 'no-such-role' });
});

test('grants are a set: what was granted and not withdrawn, whatever the order', (t) => {
  const step = fastCheck.record({
    grants: fastCheck.boolean(),
    roleId: fastCheck.constantFrom('r1', 'r2', 'r3'),
    inherited: fastCheck.boolean(),
  });
  const parties = { actorKind: 'user', actorId: 'u', targetKind: 'project', targetId: 'p' };
  const facts = { stream: 'assignments/identity/u:p', revision: 0, timeMs: 0 };
  fastCheck.assert(
    fastCheck.property(fastCheck.array(step, { maxLength: 20 }), (steps) => {
      let state = assignmentDecider.initial;
      const model = new Set<string>();
      for (const { grants, roleId, inherited } of steps) {
        const name = `${roleId} ${inherited}`;
        const decided = grants
          ? assignmentDecider.decide(state, { type: 'GrantRole', ...parties, roleId, inherited })
          : assignmentDecider.decide(state, { type: 'WithdrawRole', roleId, inherited });
        t.is(isRejected(decided), !grants && !model.has(name));
        if (isRejected(decided)) continue;
        if (grants) model.add(name);
        else model.delete(name);
        for (const event of decided) state = assignmentDecider.evolve(state, event, facts);
        const held = state.grants.map((grant) => `${grant.roleId} ${grant.inherited}`);
        t.deepEqual(held.sort(), [...model].sort());
      }
      const all = assignmentDecider.decide(state, { type: 'WithdrawAll' });
      t.is(isRejected(all) ? -1 : all.length, model.size);
    }),
  );
});

test('of two that rotate the keys of tokens at once, one does; the key that signs is never retired', (t) => {
  const { given } = deciderSpec(t, tokenDecider);
  const key = (keyId: string) => ({ keyId, keyBlob: `${keyId}-blob`, sealedKey: new Uint8Array([1]) });
  const made = (keyId: string): TokenEvent => ({ type: 'TokenKeyMade', data: key(keyId) });
  given()
    .when({ type: 'MakeTokenKey', ...key('1'), after: undefined })
    .then([made('1')]);
  given(made('1'), made('2'))
    .when({ type: 'MakeTokenKey', ...key('3'), after: '1' })
    .then([]);
  given(made('1'), made('2')).when({ type: 'RetireTokenKey', keyId: '2' }).then([]);
  given(made('1'), made('2'))
    .when({ type: 'RetireTokenKey', keyId: '1' })
    .then([{ type: 'TokenKeyRetired', data: { keyId: '1' } }]);
});
