// Owns the decisions about a bucket. Deletion has two steps, so that no object can slip in between the look
// at an empty bucket and its end: closing moves the bucket's revision, which guards every put.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import type { BucketEvent } from './buckets.events.ts';
import {
  changed,
  isChange,
  isTwofold,
  type Properties,
  type PropertyChanges,
  VERSIONING,
} from './properties.ts';

export type BucketState =
  | { readonly status: 'absent' }
  | {
      readonly status: 'open' | 'closing';
      readonly owner: string;
      readonly region: string;
      readonly properties: Properties;
    };

export type BucketCommand =
  | {
      readonly type: 'CreateBucket';
      readonly owner: string;
      readonly region: string;
      /** What is known of it from the beginning. */
      readonly properties?: Properties;
    }
  | { readonly type: 'CloseBucket' }
  | { readonly type: 'ReopenBucket' }
  | { readonly type: 'DeleteBucket' }
  | ({ readonly type: 'DescribeBucket' } & PropertyChanges)
  | { readonly type: 'AnnounceCollection' }
  | { readonly type: 'ProlongWrites'; readonly blobs: readonly string[] };

export type BucketDecisionCode =
  | 'no-such-bucket'
  | 'bucket-exists'
  | 'bucket-owned-by-caller'
  | 'bucket-state'
  | 'operation-in-progress';

export const bucketDecider: Decider<BucketState, BucketCommand, BucketEvent, BucketDecisionCode> = {
  family: 'buckets',
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'CreateBucket': {
        if (state.status === 'closing') return { rejected: 'operation-in-progress' };
        if (state.status === 'open') {
          return { rejected: state.owner === command.owner ? 'bucket-owned-by-caller' : 'bucket-exists' };
        }
        const { owner, region, properties: set = {} } = command;
        const made: BucketEvent = { type: 'BucketCreated', data: { owner, region } };
        if (Object.keys(set).length === 0) return [made];
        return [made, { type: 'BucketDescribed', data: { set, unset: [] } }];
      }
      case 'CloseBucket':
        if (state.status === 'absent') return { rejected: 'no-such-bucket' };
        if (state.status === 'closing') return { rejected: 'operation-in-progress' };
        return [{ type: 'BucketClosed', data: {} }];
      case 'ReopenBucket':
        return state.status === 'closing' ? [{ type: 'BucketReopened', data: {} }] : [];
      case 'DeleteBucket':
        if (state.status !== 'closing') return { rejected: 'operation-in-progress' };
        return [{ type: 'BucketDeleted', data: {} }];
      case 'DescribeBucket': {
        const { set, unset } = command;
        if (state.status === 'open' && isForbidden(state.properties, command))
          return { rejected: 'bucket-state' };
        return whileOpen(state, isChange(command) ? [{ type: 'BucketDescribed', data: { set, unset } }] : []);
      }
      case 'AnnounceCollection':
        return whileOpen(state, [{ type: 'CollectionAnnounced', data: {} }]);
      case 'ProlongWrites':
        return whileOpen(
          state,
          command.blobs.map((blob) => ({ type: 'WriteProlonged', data: { blob } })),
        );
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'BucketCreated':
        return { status: 'open', owner: event.data.owner, region: event.data.region, properties: {} };
      case 'BucketClosed':
        return state.status === 'absent' ? state : { ...state, status: 'closing' };
      case 'BucketReopened':
        return state.status === 'absent' ? state : { ...state, status: 'open' };
      case 'BucketDeleted':
        return { status: 'absent' };
      case 'CollectionAnnounced':
      case 'WriteProlonged':
        return state;
      case 'BucketDescribed':
        return state.status === 'absent'
          ? state
          : { ...state, properties: changed(state.properties, event.data) };
      default:
        return unreachable(event);
    }
  },
};

/** What is replaced is kept in one way at most, and what was kept stays so. */
function isForbidden(properties: Properties, changes: PropertyChanges): boolean {
  return changes.unset.includes(VERSIONING) || isTwofold(changed(properties, changes));
}

function whileOpen(state: BucketState, events: readonly BucketEvent[]) {
  if (state.status === 'absent') return { rejected: 'no-such-bucket' } as const;
  return state.status === 'closing' ? ({ rejected: 'operation-in-progress' } as const) : events;
}
