// Owns the decisions about what a key names, and about its versions.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { type Content, NULL_VERSION, type ObjectEvent, versionAt } from './objects.events.ts';

export interface VersionState {
  readonly version: string;
  /** Undefined: it says that the key names nothing. */
  readonly etag: string | undefined;
}

export interface ObjectState {
  /** As in the table: whether there is a version at all. */
  readonly status: 'absent' | 'present';
  /** Of what the key names; undefined where it names nothing. */
  readonly etag?: string | undefined;
  /** Of the bucket, which guards what is decided; undefined where it never kept versions. */
  readonly versioning?: 'enabled' | 'suspended' | undefined;
  /**
   * Newest first. A decision about a version needs the two newest and the one that it is about, any other
   * none.
   */
  readonly versions?: readonly VersionState[];
}

/** What must hold for the key at the moment of the write (RFC 9110, sections 13.1.1 and 13.1.2). */
export interface KeyCondition {
  /** The key must name nothing. */
  readonly ifAbsent?: boolean;
  /** The key must name an object with this etag; `*` for any. */
  readonly ifEtag?: string;
}

/** Of commands that may make a version. */
interface NewVersion {
  /** The end of its name, should the bucket keep it. */
  readonly version: string;
}

export type ObjectCommand =
  | ({ readonly type: 'PutObject'; readonly content: Content; readonly condition: KeyCondition } & NewVersion)
  | ({
      readonly type: 'CompleteObject';
      readonly content: Content;
      readonly uploadId: string;
      readonly condition: KeyCondition;
    } & NewVersion)
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
  | ({ readonly type: 'DeleteObject'; readonly owner: string; readonly condition: KeyCondition } & NewVersion)
  /** The condition is of the version, not of the key. */
  | { readonly type: 'DeleteVersion'; readonly version: string; readonly condition: KeyCondition };

export type ObjectDecisionCode = 'precondition-failed' | 'no-such-key';

/** Undefined when the condition holds. */
export function judgeCondition(
  { etag }: Pick<ObjectState, 'etag'>,
  condition: KeyCondition,
): { readonly rejected: ObjectDecisionCode } | undefined {
  if (condition.ifAbsent && etag !== undefined) return { rejected: 'precondition-failed' };
  if (condition.ifEtag === undefined) return undefined;
  if (etag === undefined) return { rejected: 'no-such-key' };
  const holds = condition.ifEtag === '*' || condition.ifEtag === etag;
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
    if (command.type === 'DeleteVersion') return decideDeletion(state, command);
    const refused = judgeCondition(state, command.condition);
    if (refused) return refused;
    switch (command.type) {
      case 'PutObject':
        return [{ type: 'ObjectPut', data: versioned(state, command) }];
      case 'CompleteObject': {
        const data = { ...versioned(state, command), uploadId: command.uploadId };
        return [{ type: 'ObjectCompleted', data }];
      }
      case 'DescribeObject':
        if (state.etag === undefined) return { rejected: 'no-such-key' };
        return [{ type: 'ObjectDescribed', data: command.content }];
      case 'TagObject':
        if (state.etag === undefined) return { rejected: 'no-such-key' };
        return [{ type: 'ObjectTagged', data: command.content }];
      case 'DeleteObject': {
        if (state.versioning === undefined) {
          return state.status === 'present' ? [{ type: 'ObjectDeleted', data: {} }] : [];
        }
        const version = state.versioning === 'enabled' ? command.version : NULL_VERSION;
        return [{ type: 'ObjectMarked', data: { version, owner: command.owner } }];
      }
      default:
        return unreachable(command);
    }
  },

  evolve(state, event, { revision }) {
    switch (event.type) {
      case 'ObjectPut':
      case 'ObjectCompleted':
        return withNewest(state, versionAt(revision, event.data.version ?? NULL_VERSION), event.data.etag);
      case 'ObjectDescribed':
      case 'ObjectTagged': {
        const { etag, version = NULL_VERSION } = event.data;
        return withNewest(state, version, etag);
      }
      case 'ObjectMarked':
        return withNewest(state, versionAt(revision, event.data.version), undefined);
      case 'VersionDeleted': {
        const versions = without(state, event.data.version);
        return { status: 'present', etag: versions[0]?.etag, versions };
      }
      case 'ObjectDeleted':
        return { status: 'absent' };
      default:
        return unreachable(event);
    }
  },
};

function versioned(
  { versioning }: ObjectState,
  command: Extract<ObjectCommand, { readonly type: 'PutObject' | 'CompleteObject' }>,
): Content {
  const { content } = command;
  if (versioning === undefined) return content;
  return { ...content, version: versioning === 'enabled' ? command.version : NULL_VERSION };
}

function decideDeletion(
  { versions = [] }: ObjectState,
  { version, condition }: Extract<ObjectCommand, { readonly type: 'DeleteVersion' }>,
): readonly ObjectEvent[] | { readonly rejected: ObjectDecisionCode } {
  const at = versions.findIndex((each) => each.version === version);
  const refused = judgeCondition({ etag: versions[at]?.etag }, condition);
  if (refused) return refused;
  if (at < 0) return [];
  if (versions.length === 1) return [{ type: 'ObjectDeleted', data: { version } }];
  const promoted = at === 0 ? versions[1]?.version : undefined;
  return [{ type: 'VersionDeleted', data: { version, ...(promoted !== undefined && { promoted }) } }];
}

const without = ({ versions = [] }: ObjectState, version: string): readonly VersionState[] =>
  versions.filter((each) => each.version !== version);

/** A version takes the place of the one that had its name: that is how there is one null version only. */
function withNewest(state: ObjectState, version: string, etag: string | undefined): ObjectState {
  return { status: 'present', etag, versions: [{ version, etag }, ...without(state, version)] };
}
