// Owns the decisions about what a key names.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import type { Content, ObjectEvent } from './objects.events.ts';

export type ObjectState =
  | { readonly status: 'absent' }
  | { readonly status: 'present'; readonly etag: string };

/** What must hold for the key at the moment of the write (RFC 9110, sections 13.1.1 and 13.1.2). */
export interface KeyCondition {
  /** The key must name nothing. */
  readonly ifAbsent?: boolean;
  /** The key must name an object with this etag; `*` for any. */
  readonly ifEtag?: string;
}

export type ObjectCommand =
  | { readonly type: 'PutObject'; readonly content: Content; readonly condition: KeyCondition }
  | {
      readonly type: 'CompleteObject';
      readonly content: Content;
      readonly uploadId: string;
      readonly condition: KeyCondition;
    }
  | {
      readonly type: 'DescribeObject';
      /** Of the very object that the decision is made on. */
      readonly content: Content & { readonly uploadId?: string };
      readonly condition: KeyCondition;
    }
  | {
      readonly type: 'TagObject';
      readonly content: Content & { readonly uploadId?: string; readonly modifiedMs: number };
      readonly condition: KeyCondition;
    }
  | { readonly type: 'DeleteObject'; readonly condition: KeyCondition };

export type ObjectDecisionCode = 'precondition-failed' | 'no-such-key';

/** Undefined when the condition holds. */
export function judgeCondition(
  state: ObjectState,
  condition: KeyCondition,
): { readonly rejected: ObjectDecisionCode } | undefined {
  if (condition.ifAbsent && state.status === 'present') return { rejected: 'precondition-failed' };
  if (condition.ifEtag === undefined) return undefined;
  if (state.status === 'absent') return { rejected: 'no-such-key' };
  const holds = condition.ifEtag === '*' || condition.ifEtag === state.etag;
  return holds ? undefined : { rejected: 'precondition-failed' };
}

/**
 * Whether the outcome depends on what the key names now; if not, the write needs no guard on its own stream.
 */
export function isConditional(condition: KeyCondition): boolean {
  return condition.ifAbsent === true || condition.ifEtag !== undefined;
}

export const objectDecider: Decider<ObjectState, ObjectCommand, ObjectEvent, ObjectDecisionCode> = {
  family: 'objects',
  initial: { status: 'absent' },

  decide(state, command) {
    const refused = judgeCondition(state, command.condition);
    if (refused) return refused;
    switch (command.type) {
      case 'PutObject':
        return [{ type: 'ObjectPut', data: command.content }];
      case 'CompleteObject':
        return [{ type: 'ObjectCompleted', data: { ...command.content, uploadId: command.uploadId } }];
      case 'DescribeObject':
        if (state.status === 'absent') return { rejected: 'no-such-key' };
        return [{ type: 'ObjectDescribed', data: command.content }];
      case 'TagObject':
        if (state.status === 'absent') return { rejected: 'no-such-key' };
        return [{ type: 'ObjectTagged', data: command.content }];
      case 'DeleteObject':
        return state.status === 'present' ? [{ type: 'ObjectDeleted', data: {} }] : [];
      default:
        return unreachable(command);
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'ObjectPut':
      case 'ObjectCompleted':
      case 'ObjectDescribed':
      case 'ObjectTagged':
        return { status: 'present', etag: event.data.etag };
      case 'ObjectDeleted':
        return { status: 'absent' };
      default:
        return unreachable(event);
    }
  },
};
