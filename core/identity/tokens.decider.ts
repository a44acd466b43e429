// Owns the decisions about the keys that sign tokens.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { TokenEvent } from './tokens.events.ts';

export interface TokenState {
  readonly status: 'open';
  /** Oldest first; the last signs. */
  readonly keyIds: readonly string[];
}

export type TokenCommand =
  | {
      readonly type: 'MakeTokenKey';
      readonly keyId: string;
      readonly keyBlob: string;
      readonly sealedKey: Uint8Array;
      /** The newest key that its maker saw; of two that rotate at once, one does. */
      readonly after: string | undefined;
    }
  | { readonly type: 'RetireTokenKey'; readonly keyId: string }
  | { readonly type: 'RevokeToken'; readonly auditId: string; readonly expiresMs: number };

export type TokenDecisionCode = 'too-many-keys';

export const tokenDecider: Decider<TokenState, TokenCommand, TokenEvent, TokenDecisionCode> = {
  family: 'tokens',
  initial: { status: 'open', keyIds: [] },

  decide({ keyIds }, command) {
    switch (command.type) {
      case 'MakeTokenKey': {
        const { keyId, keyBlob, sealedKey } = command;
        if (keyIds.at(-1) !== command.after) return [];
        if (keyIds.length >= limits.tokenKeys) return { rejected: 'too-many-keys' };
        return [{ type: 'TokenKeyMade', data: { keyId, keyBlob, sealedKey } }];
      }
      case 'RetireTokenKey': {
        const { keyId } = command;
        // The one that signs stays.
        if (!keyIds.includes(keyId) || keyIds.at(-1) === keyId) return [];
        return [{ type: 'TokenKeyRetired', data: { keyId } }];
      }
      case 'RevokeToken':
        return [{ type: 'TokenRevoked', data: { auditId: command.auditId, expiresMs: command.expiresMs } }];
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    if (event.type === 'TokenKeyMade') return { status: 'open', keyIds: [...state.keyIds, event.data.keyId] };
    if (event.type === 'TokenKeyRetired') {
      return { status: 'open', keyIds: state.keyIds.filter((id) => id !== event.data.keyId) };
    }
    return state;
  },
};
