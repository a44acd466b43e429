// Owns the decisions about an account and its access keys.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AccountEvent } from './accounts.events.ts';

export type AccountState =
  | { readonly status: 'absent' | 'removed' }
  | {
      readonly status: 'active';
      readonly role: string;
      readonly accessKeyIds: readonly string[];
      readonly keyBlob?: string;
    };

export type AccountCommand =
  | {
      readonly type: 'CreateAccount';
      readonly name: string;
      readonly email?: string;
      readonly canonicalId: string;
      readonly role: 'admin' | 'member';
    }
  | { readonly type: 'CreateAccessKey'; readonly accessKeyId: string; readonly sealedSecret: Uint8Array }
  | { readonly type: 'RevokeAccessKey'; readonly accessKeyId: string }
  | { readonly type: 'RemoveAccount' }
  /** Nothing happens where the account has a key: whoever made another throws it away. */
  | { readonly type: 'NameSubjectKey'; readonly keyBlob: string };

export type AccountDecisionCode = 'account-exists' | 'no-such-account' | 'no-such-key' | 'too-many-keys';

export const accountDecider: Decider<AccountState, AccountCommand, AccountEvent, AccountDecisionCode> = {
  family: 'accounts',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateAccount') {
      if (state.status === 'active') return { rejected: 'account-exists' };
      const { type: _, ...data } = command;
      return [{ type: 'AccountCreated', data }];
    }
    if (state.status !== 'active') return { rejected: 'no-such-account' };
    switch (command.type) {
      case 'CreateAccessKey': {
        if (state.accessKeyIds.length >= limits.accessKeysPerAccount) return { rejected: 'too-many-keys' };
        const { accessKeyId, sealedSecret } = command;
        return [{ type: 'AccessKeyCreated', data: { accessKeyId, sealedSecret } }];
      }
      case 'RevokeAccessKey':
        if (!state.accessKeyIds.includes(command.accessKeyId)) return { rejected: 'no-such-key' };
        return [{ type: 'AccessKeyRevoked', data: { accessKeyId: command.accessKeyId } }];
      case 'RemoveAccount':
        return [{ type: 'AccountRemoved', data: {} }];
      case 'NameSubjectKey':
        if (state.keyBlob !== undefined) return [];
        return [{ type: 'SubjectKeyMade', data: { keyBlob: command.keyBlob } }];
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'AccountCreated':
        return { status: 'active', role: event.data.role, accessKeyIds: [] };
      case 'AccessKeyCreated':
        if (state.status !== 'active') return state;
        return { ...state, accessKeyIds: [...state.accessKeyIds, event.data.accessKeyId] };
      case 'AccessKeyRevoked':
        if (state.status !== 'active') return state;
        return { ...state, accessKeyIds: state.accessKeyIds.filter((id) => id !== event.data.accessKeyId) };
      case 'AccountRemoved':
        return { status: 'removed' };
      case 'SubjectKeyMade':
        return state.status === 'active' ? { ...state, keyBlob: event.data.keyBlob } : state;
      default:
        return unreachable(event);
    }
  },
};
