// Owns the specification of a user's life: groups, credentials, and the key of the secrets.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { userDecider } from './users.decider.ts';
import type { UserEvent } from './users.events.ts';

const user = {
  ...{ domainId: 'default', name: 'ada', description: '', email: '', defaultProjectId: '' },
  ...{ enabled: true, extra: {} },
};
const created: UserEvent = { type: 'UserCreated', data: user };
const deleted: UserEvent = { type: 'UserDeleted', data: {} };
const joined: UserEvent = { type: 'GroupJoined', data: { groupId: 'g' } };
const sealed = new Uint8Array([1]);
const password = { sealedHash: sealed, bySelf: false, mustChange: false, neverExpires: false, formerKept: 0 };
const ec2 = { accessKeyId: 'K', projectId: 'p', sealedSecret: sealed };
const application = {
  ...{ credentialId: 'c', name: 'ci', description: '', projectId: 'p', roleIds: ['r'] },
  ...{ unrestricted: false, accessRules: [], sealedHash: sealed },
};
const applied: UserEvent = { type: 'ApplicationCredentialCreated', data: application };

test('only a user who is there can be changed', (t) => {
  const { given } = deciderSpec(t, userDecider);
  given()
    .when({ type: 'CreateUser', ...user })
    .then([created]);
  given(created)
    .when({ type: 'CreateUser', ...user })
    .then({ rejected: 'user-exists' });
  given(created, deleted)
    .when({ type: 'SetPassword', ...password })
    .then({ rejected: 'no-such-user' });
  given(created, deleted)
    .when({ type: 'CreateUser', ...user })
    .then([created]);
  given(created).when({ type: 'DeleteUser' }).then([deleted]);
  given(created)
    .when({ type: 'RevokeTokens' })
    .then([{ type: 'TokensRevoked', data: {} }]);
});

test('a user joins a group once, and leaves only one that was joined', (t) => {
  const { given } = deciderSpec(t, userDecider);
  given(created).when({ type: 'JoinGroup', groupId: 'g' }).then([joined]);
  given(created, joined).when({ type: 'JoinGroup', groupId: 'g' }).then([]);
  given(created, joined)
    .when({ type: 'LeaveGroup', groupId: 'g' })
    .then([{ type: 'GroupLeft', data: { groupId: 'g' } }]);
  given(created).when({ type: 'LeaveGroup', groupId: 'g' }).then({ rejected: 'no-such-membership' });
});

test('credentials belong to the user, and names of application credentials differ', (t) => {
  const { given } = deciderSpec(t, userDecider);
  given(created)
    .when({ type: 'CreateEc2Credential', ...ec2 })
    .then([{ type: 'Ec2CredentialCreated', data: ec2 }]);
  given(created)
    .when({ type: 'DeleteEc2Credential', accessKeyId: 'K' })
    .then({ rejected: 'no-such-credential' });
  given(created)
    .when({ type: 'CreateApplicationCredential', ...application })
    .then([applied]);
  given(created, applied)
    .when({ type: 'CreateApplicationCredential', ...application, credentialId: 'd' })
    .then({ rejected: 'application-credential-exists' });
  given(created, applied, { type: 'ApplicationCredentialDeleted', data: { credentialId: 'c' } })
    .when({ type: 'DeleteApplicationCredential', credentialId: 'c' })
    .then({ rejected: 'no-such-application-credential' });
});

test('a user names the key of the secrets once', (t) => {
  const { given } = deciderSpec(t, userDecider);
  const named: UserEvent = { type: 'SubjectKeyMade', data: { keyBlob: 'b' } };
  given(created).when({ type: 'NameUserKey', keyBlob: 'b' }).then([named]);
  given(created, named).when({ type: 'NameUserKey', keyBlob: 'c' }).then([]);
});

test('a credential of another type is set while it is there, and a user has only so many', (t) => {
  const { given } = deciderSpec(t, userDecider);
  const totp = { credentialId: 't', kind: 'totp', projectId: '', sealedBlob: sealed };
  const set: UserEvent = { type: 'CredentialSet', data: totp };
  const none = { rejected: 'no-such-credential' } as const;
  given(created)
    .when({ type: 'CreateCredential', ...totp })
    .then([set]);
  given(created, set)
    .when({ type: 'CreateCredential', ...totp })
    .then({ rejected: 'credential-exists' });
  given(created, set)
    .when({ type: 'ChangeCredential', ...totp })
    .then([set]);
  given(created)
    .when({ type: 'ChangeCredential', ...totp })
    .then(none);
  given(created, set, { type: 'CredentialDeleted', data: { credentialId: 't' } })
    .when({ type: 'DeleteCredential', credentialId: 't' })
    .then(none);
  const many = Array.from({ length: limits.credentialsPerUser }, (_, number): UserEvent => {
    return { type: 'CredentialSet', data: { ...totp, credentialId: `${number}` } };
  });
  given(created, ...many)
    .when({ type: 'CreateCredential', ...totp })
    .then({ rejected: 'too-many-credentials' });
});
