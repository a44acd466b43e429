// Owns the rules by which a bucket tells of its objects, as they are kept in a property of the bucket, and
// which of them an event is for (Amazon S3 User Guide, "Amazon S3 Event Notifications"). Pure.

import type { Properties } from '#core/buckets/properties.ts';

/** Of a bucket: JSON of a list of rules. */
export const NOTIFICATION_PROPERTY = 's3/notification';

export interface NotificationRule {
  readonly id: string;
  /** In which kind of element it was said, and so is shown. */
  readonly kind: 'queue' | 'topic';
  readonly arn: string;
  /** As the operator calls it. */
  readonly destination: string;
  readonly events: readonly string[];
  readonly prefix?: string;
  readonly suffix?: string;
  /** A filter was said, though it may be empty. */
  readonly isFiltered?: boolean;
}

/** What S3 has names for, by kind; `*` stands for all of one kind. */
const EVENT_TYPES: Readonly<Record<string, readonly string[]>> = {
  ReducedRedundancyLostObject: [],
  ObjectCreated: ['Put', 'Post', 'Copy', 'CompleteMultipartUpload'],
  ObjectRemoved: ['Delete', 'DeleteMarkerCreated'],
  ObjectRestore: ['Post', 'Completed', 'Delete'],
  Replication: [
    ...['OperationFailedReplication', 'OperationNotTracked', 'OperationMissedThreshold'],
    'OperationReplicatedAfterThreshold',
  ],
  LifecycleTransition: [],
  IntelligentTiering: [],
  ObjectAcl: ['Put'],
  LifecycleExpiration: ['Delete', 'DeleteMarkerCreated'],
  ObjectTagging: ['Put', 'Delete'],
};

/** All that a type of a rule stands for, without `s3:`; undefined: S3 has no such type. */
export function eventNamesOf(type: string): readonly string[] | undefined {
  const [, kind = '', name] = /^s3:([A-Za-z]+)(?::([A-Za-z]+|\*))?$/.exec(type) ?? [];
  const names = Object.hasOwn(EVENT_TYPES, kind) ? EVENT_TYPES[kind] : undefined;
  if (!names) return undefined;
  if (names.length === 0) return name === undefined ? [kind] : undefined;
  if (name === '*') return names.map((each) => `${kind}:${each}`);
  return name !== undefined && names.includes(name) ? [`${kind}:${name}`] : undefined;
}

// Properties of a bucket stay the same object until they change.
const decoded = new WeakMap<Properties, readonly NotificationRule[]>();

export function rulesIn(properties: Properties): readonly NotificationRule[] {
  const text = properties[NOTIFICATION_PROPERTY];
  if (text === undefined) return [];
  let rules = decoded.get(properties);
  if (!rules) {
    rules = JSON.parse(text) as readonly NotificationRule[];
    decoded.set(properties, rules);
  }
  return rules;
}

/** Of rules that were let in at most one is for an event. @param name without `s3:` */
export function isFor(rule: NotificationRule, name: string, key: string): boolean {
  const { events, prefix = '', suffix = '' } = rule;
  if (!key.startsWith(prefix) || !key.endsWith(suffix)) return false;
  return events.some((type) => eventNamesOf(type)?.includes(name));
}
