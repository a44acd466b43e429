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
  readonly keyBlob?: string;
}

export type UserState = { readonly status: 'absent' | 'deleted' } | ActiveUser;

export type UserCommand =
  | ({ readonly type: 'CreateUser' } & DataOf<'UserCreated'>)
  | ({ readonly type: 'UpdateUser' } & DataOf<'UserUpdated'>)
  /** Nothing happens where the user has a key: whoever made another throws it away. */
  | { readonly type: 'NameUserKey'; readonly keyBlob: string }
  | { readonly type: 'SetPassword'; readonly sealedHash: Uint8Array }
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
      return { status: 'active', groupIds: [], accessKeyIds: [], applicationCredentials: [] };
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
    case 'SetPassword':
      return [{ type: 'PasswordSet', data: { sealedHash: command.sealedHash } }];
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
      return unreachable(command);
  }
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
      return state;
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
