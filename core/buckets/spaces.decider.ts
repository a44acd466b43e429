// Owns the decisions about what is known of all buckets of one owner together: whatever is new, is.

import type { Decider } from '#core/kernel/decider.ts';
import { isChange, type PropertyChanges } from './properties.ts';
import type { SpaceEvent } from './spaces.events.ts';

export type SpaceCommand = { readonly type: 'DescribeSpace' } & PropertyChanges;

/** No decision depends on it. */
type SpaceState = Readonly<Record<string, never>>;

export const spaceDecider: Decider<SpaceState, SpaceCommand, SpaceEvent, never> = {
  family: 'spaces',
  initial: {},
  decide(_state, command) {
    const { set, unset } = command;
    return isChange(command) ? [{ type: 'SpaceDescribed', data: { set, unset } }] : [];
  },
  evolve: (state) => state,
};
