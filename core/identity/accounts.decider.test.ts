// Owns the specification of an account's life, and of the sealing of its secrets.

import test from 'ava';
import { seededRandom } from '#core/kernel/random.ts';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { accountDecider } from './accounts.decider.ts';
import type { AccountEvent } from './accounts.events.ts';
import { seal, unseal } from './subject-keys.ts';

const account = { name: 'ada', canonicalId: 'c', role: 'member' } as const;
const created: AccountEvent = { type: 'AccountCreated', data: account };
const sealedSecret = new Uint8Array([1]);
const keyCreated: AccountEvent = { type: 'AccessKeyCreated', data: { accessKeyId: 'K', sealedSecret } };
const keyRevoked: AccountEvent = { type: 'AccessKeyRevoked', data: { accessKeyId: 'K' } };
const removed: AccountEvent = { type: 'AccountRemoved', data: {} };

test('an account is created once, and again after its removal', (t) => {
  const { given } = deciderSpec(t, accountDecider);
  given()
    .when({ type: 'CreateAccount', ...account })
    .then([created]);
  given(created)
    .when({ type: 'CreateAccount', ...account })
    .then({ rejected: 'account-exists' });
  given(created, removed)
    .when({ type: 'CreateAccount', ...account })
    .then([created]);
});

test('keys belong to an active account, and only keys that it has can be revoked', (t) => {
  const { given } = deciderSpec(t, accountDecider);
  given(created).when({ type: 'CreateAccessKey', accessKeyId: 'K', sealedSecret }).then([keyCreated]);
  given(created, removed)
    .when({ type: 'CreateAccessKey', accessKeyId: 'K', sealedSecret })
    .then({ rejected: 'no-such-account' });
  given(created, keyCreated).when({ type: 'RevokeAccessKey', accessKeyId: 'K' }).then([keyRevoked]);
  given(created, keyCreated, keyRevoked)
    .when({ type: 'RevokeAccessKey', accessKeyId: 'K' })
    .then({ rejected: 'no-such-key' });
});

test('a sealed secret opens under its key and context alone', (t) => {
  const random = seededRandom(1);
  const key = random.fill(new Uint8Array(32));
  const sealed = seal(key, 'a secret', 'K', random);
  t.is(unseal(key, sealed, 'K'), 'a secret');
  t.throws(() => unseal(key, sealed, 'L'), { message: /does not open/ });
  t.throws(() => unseal(random.fill(new Uint8Array(32)), sealed, 'K'), { message: /does not open/ });
  sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1;
  t.throws(() => unseal(key, sealed, 'K'), { message: /does not open/ });
});

test('an account names its key once', (t) => {
  const { given } = deciderSpec(t, accountDecider);
  const named: AccountEvent = { type: 'SubjectKeyMade', data: { keyBlob: 'b' } };
  given(created).when({ type: 'NameSubjectKey', keyBlob: 'b' }).then([named]);
  given(created, named).when({ type: 'NameSubjectKey', keyBlob: 'c' }).then([]);
  given(created, removed)
    .when({ type: 'NameSubjectKey', keyBlob: 'b' })
    .then({ rejected: 'no-such-account' });
});
