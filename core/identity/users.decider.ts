// Owns the decisions about a user: secrets, groups and credentials.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { UserEvent } from './users.events.ts';

type DataOf<Type extends UserEvent['type']> = Extract<UserEvent, { type: Type }>['data'];

interface ActiveUser {
  readonly status: 'active';
  readonly groupIds: readonly string[];
  readonly accessKeyIds: readonly string[];
  readonly applicationCredentials: readonly { readonly id: string; readonly name: string }[];
  /** Of other types. */
  readonly credentialIds: readonly string[];
  readonly keyBlob?: string;
}

export type UserState = { readonly status: 'absent' | 'deleted' } | ActiveUser;

export type UserCommand =
  | ({ readonly type: 'CreateUser' } & DataOf<'UserCreated'>)
  | ({ readonly type: 'UpdateUser' } & DataOf<'UserUpdated'>)
  /** Nothing happens where the user has a key: whoever made another throws it away. */
  | { readonly type: 'NameUserKey'; readonly keyBlob: string }
  | ({ readonly type: 'SetPassword' } & DataOf<'PasswordSet'>)
  | ({ readonly type: 'SetOptions' } & DataOf<'UserOptionsSet'>)
  | ({ readonly type: 'LockOut' } & DataOf<'UserLockedOut'>)
  | { readonly type: 'NoteSeen' }
  | ({ readonly type: 'CreateCredential' } & DataOf<'CredentialSet'>)
  | ({ readonly type: 'ChangeCredential' } & DataOf<'CredentialSet'>)
  | { readonly type: 'DeleteCredential'; readonly credentialId: string }
  | { readonly type: 'RevokeTokens' }
  | { readonly type: 'JoinGroup'; readonly groupId: string }
  | { readonly type: 'LeaveGroup'; readonly groupId: string }
  | ({ readonly type: 'CreateEc2Credential' } & DataOf<'Ec2CredentialCreated'>)
  | { readonly type: 'DeleteEc2Credential'; readonly accessKeyId: string }
  | ({ readonly type: 'CreateApplicationCredential' } & DataOf<'ApplicationCredentialCreated'>)
  | { readonly type: 'DeleteApplicationCredential'; readonly credentialId: string }
  | { readonly type: 'DeleteUser' };

export type UserDecisionCode =
  | 'user-exists'
  | 'no-such-user'
  | 'no-such-membership'
  | 'no-such-credential'
  | 'credential-exists'
  | 'no-such-application-credential'
  | 'application-credential-exists'
  | 'too-many-groups'
  | 'too-many-credentials';

export const userDecider: Decider<UserState, UserCommand, UserEvent, UserDecisionCode> = {
  family: 'users',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateUser') {
      if (state.status === 'active') return { rejected: 'user-exists' };
      const { type: _, ...data } = command;
      return [{ type: 'UserCreated', data }];
    }
    return state.status === 'active' ? decideActive(state, command) : { rejected: 'no-such-user' };
  },

  evolve(state, event) {
    if (event.type === 'UserCreated') {
      const nothing = { groupIds: [], accessKeyIds: [], applicationCredentials: [], credentialIds: [] };
      return { status: 'active', ...nothing };
    }
    if (event.type === 'UserDeleted') return { status: 'deleted' };
    return state.status === 'active' ? evolveActive(state, event) : state;
  },
};

function decideActive(
  state: ActiveUser,
  command: Exclude<UserCommand, { type: 'CreateUser' }>,
): ReturnType<typeof userDecider.decide> {
  switch (command.type) {
    case 'UpdateUser': {
      const { type: _, ...data } = command;
      return [{ type: 'UserUpdated', data }];
    }
    case 'NameUserKey':
      if (state.keyBlob !== undefined) return [];
      return [{ type: 'SubjectKeyMade', data: { keyBlob: command.keyBlob } }];
    case 'SetPassword': {
      const { type: _, ...data } = command;
      return [{ type: 'PasswordSet', data }];
    }
    case 'SetOptions':
      return [{ type: 'UserOptionsSet', data: { flags: command.flags, factorRules: command.factorRules } }];
    case 'LockOut': {
      const { type: _, ...data } = command;
      return [{ type: 'UserLockedOut', data }];
    }
    case 'NoteSeen':
      return [{ type: 'UserSeen', data: {} }];
    case 'RevokeTokens':
      return [{ type: 'TokensRevoked', data: {} }];
    case 'JoinGroup':
      if (state.groupIds.includes(command.groupId)) return [];
      if (state.groupIds.length >= limits.groupsPerUser) return { rejected: 'too-many-groups' };
      return [{ type: 'GroupJoined', data: { groupId: command.groupId } }];
    case 'LeaveGroup':
      if (!state.groupIds.includes(command.groupId)) return { rejected: 'no-such-membership' };
      return [{ type: 'GroupLeft', data: { groupId: command.groupId } }];
    case 'CreateEc2Credential': {
      const { type: _, ...data } = command;
      if (state.accessKeyIds.length >= limits.accessKeysPerAccount)
        return { rejected: 'too-many-credentials' };
      return [{ type: 'Ec2CredentialCreated', data }];
    }
    case 'DeleteEc2Credential':
      if (!state.accessKeyIds.includes(command.accessKeyId)) return { rejected: 'no-such-credential' };
      return [{ type: 'Ec2CredentialDeleted', data: { accessKeyId: command.accessKeyId } }];
    case 'CreateApplicationCredential': {
      const { type: _, ...data } = command;
      const others = state.applicationCredentials;
      if (others.some(({ name }) => name === data.name)) return { rejected: 'application-credential-exists' };
      if (others.length >= limits.applicationCredentialsPerUser) return { rejected: 'too-many-credentials' };
      return [{ type: 'ApplicationCredentialCreated', data }];
    }
    case 'DeleteApplicationCredential': {
      const { credentialId } = command;
      const known = state.applicationCredentials.some(({ id }) => id === credentialId);
      if (!known) return { rejected: 'no-such-application-credential' };
      return [{ type: 'ApplicationCredentialDeleted', data: { credentialId } }];
    }
    case 'DeleteUser':
      return [{ type: 'UserDeleted', data: {} }];
    default:
      return decideCredential(state, command);
  }
}

function decideCredential(
  { credentialIds }: ActiveUser,
  command: Extract<UserCommand, { type: `${string}Credential`; credentialId: string }> & {
    type: 'CreateCredential' | 'ChangeCredential' | 'DeleteCredential';
  },
): ReturnType<typeof userDecider.decide> {
  const isThere = credentialIds.includes(command.credentialId);
  if (command.type === 'CreateCredential') {
    if (isThere) return { rejected: 'credential-exists' };
    if (credentialIds.length >= limits.credentialsPerUser) return { rejected: 'too-many-credentials' };
  } else if (!isThere) {
    return { rejected: 'no-such-credential' };
  }
  const { type, ...data } = command;
  if (type === 'DeleteCredential') return [{ type: 'CredentialDeleted', data }];
  return [{ type: 'CredentialSet', data: data as DataOf<'CredentialSet'> }];
}

function evolveActive(
  state: ActiveUser,
  event: Exclude<UserEvent, { type: 'UserCreated' | 'UserDeleted' }>,
): ActiveUser {
  const { groupIds, accessKeyIds, applicationCredentials } = state;
  switch (event.type) {
    case 'UserUpdated':
    case 'PasswordSet':
    case 'TokensRevoked':
    case 'UserOptionsSet':
    case 'UserLockedOut':
    case 'UserSeen':
      return state;
    case 'CredentialSet': {
      const others = state.credentialIds.filter((id) => id !== event.data.credentialId);
      return { ...state, credentialIds: [...others, event.data.credentialId] };
    }
    case 'CredentialDeleted': {
      const kept = state.credentialIds.filter((id) => id !== event.data.credentialId);
      return { ...state, credentialIds: kept };
    }
    case 'SubjectKeyMade':
      return { ...state, keyBlob: event.data.keyBlob };
    case 'GroupJoined':
      return { ...state, groupIds: [...groupIds, event.data.groupId] };
    case 'GroupLeft':
      return { ...state, groupIds: groupIds.filter((id) => id !== event.data.groupId) };
    case 'Ec2CredentialCreated':
      return { ...state, accessKeyIds: [...accessKeyIds, event.data.accessKeyId] };
    case 'Ec2CredentialDeleted':
      return { ...state, accessKeyIds: accessKeyIds.filter((id) => id !== event.data.accessKeyId) };
    case 'ApplicationCredentialCreated': {
      const made = { id: event.data.credentialId, name: event.data.name };
      return { ...state, applicationCredentials: [...applicationCredentials, made] };
    }
    case 'ApplicationCredentialDeleted': {
      const kept = applicationCredentials.filter(({ id }) => id !== event.data.credentialId);
      return { ...state, applicationCredentials: kept };
    }
    default:
      return unreachable(event);
  }
}
