// Owns the rules of a bucket by which its objects end and its uploads are aborted, as they are kept in a
// property of the bucket, and what they say of one object or upload at one moment (Amazon S3 User Guide,
// "Managing the lifecycle of objects"). Pure.

import type { Tags } from '#core/objects/objects.events.ts';

/** Of a bucket: JSON of a list of rules. */
export const LIFECYCLE_PROPERTY = 's3/lifecycle';

export interface LifecycleRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** The prefix was said beside the filter, as it once had to be. */
  readonly isOld?: boolean;
  /** The parts of the filter were put together, though there may be but one. */
  readonly isJoined?: boolean;
  readonly prefix?: string;
  readonly tags?: readonly (readonly [key: string, value: string])[];
  /** Sizes that are excluded, as is everything below or above. */
  readonly aboveBytes?: number;
  readonly belowBytes?: number;
  /** After it was written, to the next midnight (UTC). */
  readonly expiresDays?: number;
  readonly expiresAtMs?: number;
  /** After an upload was started, to the next midnight (UTC). */
  readonly abortsDays?: number;
}

/** What of an object decides. */
export interface Aging {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

const midnightAfter = (timeMs: number, days: number): number =>
  Math.ceil((timeMs + days * DAY_MS) / DAY_MS) * DAY_MS;

/** When the object ends and by which rule: the earliest, of several at once the first. */
export function expiryOf(
  rules: readonly LifecycleRule[],
  object: Aging & { readonly tags?: Tags },
): { readonly atMs: number; readonly rule: LifecycleRule } | undefined {
  let found: { atMs: number; rule: LifecycleRule } | undefined;
  for (const rule of rules) {
    const { expiresDays, expiresAtMs } = rule;
    const atMs = expiresDays === undefined ? expiresAtMs : midnightAfter(object.modifiedMs, expiresDays);
    if (atMs === undefined || !isFor(rule, object) || !hasTags(rule, object.tags)) continue;
    if (!found || atMs < found.atMs) found = { atMs, rule };
  }
  return found;
}

export function abortOf(
  rules: readonly LifecycleRule[],
  upload: { readonly key: string; readonly startedMs: number },
): { readonly atMs: number; readonly rule: LifecycleRule } | undefined {
  let found: { atMs: number; rule: LifecycleRule } | undefined;
  for (const rule of rules) {
    if (rule.abortsDays === undefined || !rule.isEnabled || !upload.key.startsWith(rule.prefix ?? ''))
      continue;
    const atMs = midnightAfter(upload.startedMs, rule.abortsDays);
    if (!found || atMs < found.atMs) found = { atMs, rule };
  }
  return found;
}

/** But for its tags. */
function isFor(rule: LifecycleRule, { key, sizeBytes }: Aging): boolean {
  return (
    rule.isEnabled &&
    key.startsWith(rule.prefix ?? '') &&
    sizeBytes > (rule.aboveBytes ?? -1) &&
    sizeBytes < (rule.belowBytes ?? Number.POSITIVE_INFINITY)
  );
}

function hasTags(rule: LifecycleRule, tags: Tags | undefined): boolean {
  return (rule.tags ?? []).every(([key, value]) => tags?.values[key] === value);
}

/** What the rules say of many objects at one moment, all of which was computed that can be once. */
export class DueObjects {
  /** Whatever is due has a key that begins with it. */
  readonly prefix: string;
  /** Nothing that was written later is due; -Infinity: nothing is. */
  readonly youngestMs: number;
  readonly #rules: readonly { readonly rule: LifecycleRule; readonly untilMs: number }[];

  constructor(rules: readonly LifecycleRule[], nowMs: number) {
    const midnightMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
    this.#rules = rules
      .filter((rule) => rule.isEnabled)
      .map((rule) => ({ rule, untilMs: writtenUntil(rule, nowMs, midnightMs) }))
      .filter(({ untilMs }) => untilMs > Number.NEGATIVE_INFINITY);
    this.youngestMs = Math.max(Number.NEGATIVE_INFINITY, ...this.#rules.map(({ untilMs }) => untilMs));
    this.prefix = this.#rules.map(({ rule }) => rule.prefix ?? '').reduce(commonPrefix, undefined) ?? '';
  }

  /** But for its tags, which a listing does not show. */
  mayBeDue(object: Aging): boolean {
    for (const { rule, untilMs } of this.#rules) {
      if (object.modifiedMs <= untilMs && isFor(rule, object)) return true;
    }
    return false;
  }

  isDue(object: Aging & { readonly tags?: Tags }): boolean {
    return this.#rules.some(
      ({ rule, untilMs }) =>
        object.modifiedMs <= untilMs && isFor(rule, object) && hasTags(rule, object.tags),
    );
  }
}

/** The latest time of writing that is due. */
function writtenUntil(
  { expiresDays, expiresAtMs }: LifecycleRule,
  nowMs: number,
  midnightMs: number,
): number {
  if (expiresDays !== undefined) return midnightMs - expiresDays * DAY_MS;
  const isOver = expiresAtMs !== undefined && expiresAtMs <= nowMs;
  return isOver ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

function commonPrefix(before: string | undefined, prefix: string): string {
  if (before === undefined) return prefix;
  let end = 0;
  while (end < before.length && before[end] === prefix[end]) end++;
  return before.slice(0, end);
}
