// Owns the decisions about a trust: that it is used no more often than was said.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import type { TrustEvent } from './trusts.events.ts';

type Created = Extract<TrustEvent, { type: 'TrustCreated' }>['data'];

export type TrustState =
  | { readonly status: 'absent' | 'deleted' }
  | {
      readonly status: 'active';
      /** Absent: as many as one likes. */
      readonly usesLeft?: number;
    };

export type TrustCommand =
  | ({ readonly type: 'CreateTrust' } & Created)
  /** Nothing happens where it may be used as often as one likes. */
  | { readonly type: 'UseTrust' }
  | { readonly type: 'DeleteTrust' };

export type TrustDecisionCode = 'trust-exists' | 'no-such-trust' | 'trust-used-up';

export const trustDecider: Decider<TrustState, TrustCommand, TrustEvent, TrustDecisionCode> = {
  family: 'trusts',
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'CreateTrust') {
      const { type: _, ...data } = command;
      // An id is never used again: tokens of a trust that was deleted must not come to life.
      return state.status === 'absent' ? [{ type: 'TrustCreated', data }] : { rejected: 'trust-exists' };
    }
    if (state.status !== 'active') return { rejected: 'no-such-trust' };
    if (command.type === 'DeleteTrust') return [{ type: 'TrustDeleted', data: {} }];
    if (state.usesLeft === undefined) return [];
    return state.usesLeft > 0 ? [{ type: 'TrustUsed', data: {} }] : { rejected: 'trust-used-up' };
  },

  evolve(state, event) {
    switch (event.type) {
      case 'TrustCreated': {
        const { uses } = event.data;
        return { status: 'active', ...(uses !== undefined && { usesLeft: uses }) };
      }
      case 'TrustUsed':
        if (state.status !== 'active' || state.usesLeft === undefined) return state;
        return { ...state, usesLeft: Math.max(0, state.usesLeft - 1) };
      case 'TrustDeleted':
        return { status: 'deleted' };
      default:
        return unreachable(event);
    }
  },
};
