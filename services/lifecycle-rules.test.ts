// Tests the rules of lifecycles: what is due at a moment is what the same rules say ends by then, and what is
// found for many objects at once is what is found for each.

import test from 'ava';
import fastCheck from 'fast-check';
import type { Tags } from '#core/objects/objects.events.ts';
import { type Aging, abortOf, DueObjects, expiryOf, type LifecycleRule } from './lifecycle-rules.ts';

const DAY = 24 * 60 * 60 * 1_000;
const at = (text: string): number => Date.parse(text);
const rule = (more: Partial<LifecycleRule>): LifecycleRule => ({ id: 'r', isEnabled: true, ...more });

test('an object ends at the midnight after its days', (t) => {
  const ends = (modified: string, days: number) => {
    const object = { key: 'k', sizeBytes: 0, modifiedMs: at(modified) };
    return new Date(expiryOf([rule({ expiresDays: days })], object)?.atMs ?? 0).toISOString();
  };
  t.is(ends('2026-01-15T10:30:00Z', 3), '2026-01-19T00:00:00.000Z');
  t.is(ends('2026-01-15T00:00:00Z', 1), '2026-01-16T00:00:00.000Z');
});

test('of several rules the earliest counts, and its name is told', (t) => {
  const object = { key: 'a/b', sizeBytes: 10, modifiedMs: at('2026-01-01T12:00:00Z') };
  const rules = [
    rule({ id: 'late', expiresDays: 9 }),
    rule({ id: 'early', expiresDays: 2, prefix: 'a/' }),
    rule({ id: 'off', expiresDays: 1, isEnabled: false }),
    rule({ id: 'large', expiresDays: 1, aboveBytes: 10 }),
    rule({ id: 'small', expiresDays: 1, belowBytes: 10 }),
    rule({ id: 'tagged', expiresDays: 1, tags: [['a', 'b']] }),
    rule({ id: 'date', expiresAtMs: at('2026-01-05T00:00:00Z') }),
  ];
  t.is(expiryOf(rules, object)?.rule.id, 'early');
  t.is(expiryOf(rules, { ...object, tags: { values: { a: 'b', c: 'd' } } })?.rule.id, 'tagged');
  t.is(expiryOf(rules, { ...object, key: 'b' })?.rule.id, 'date');
  t.is(expiryOf([], object), undefined);
});

test('an upload is aborted at the midnight after its days', (t) => {
  const rules = [rule({ abortsDays: 2, prefix: 'u' }), rule({ expiresDays: 1 })];
  const startedMs = at('2026-01-01T12:00:00Z');
  t.is(abortOf(rules, { key: 'up', startedMs })?.atMs, at('2026-01-04T00:00:00Z'));
  t.is(abortOf(rules, { key: 'other', startedMs }), undefined);
  t.is(abortOf([rule({ abortsDays: 2, isEnabled: false })], { key: 'up', startedMs }), undefined);
});

const keys = fastCheck.constantFrom('', 'a', 'a/', 'a/b', 'ab', 'b', 'ba');
const tagged = fastCheck.constantFrom<readonly (readonly [string, string])[]>(
  [],
  [['x', '1']],
  [
    ['x', '1'],
    ['y', '2'],
  ],
);
const optional = <Value>(of: fastCheck.Arbitrary<Value>) => fastCheck.option(of, { nil: undefined });

const anyRule = fastCheck
  .record({
    isEnabled: fastCheck.boolean(),
    prefix: optional(keys),
    tags: tagged,
    aboveBytes: optional(fastCheck.nat(20)),
    belowBytes: optional(fastCheck.nat(20)),
    days: fastCheck.nat(5),
    kind: fastCheck.constantFrom('days', 'date', 'none'),
  })
  .map(
    ({ days, kind, prefix, aboveBytes, belowBytes, ...rest }): LifecycleRule => ({
      ...{ id: `${kind}-${days}`, ...rest },
      ...(prefix !== undefined && { prefix }),
      ...(aboveBytes !== undefined && { aboveBytes }),
      ...(belowBytes !== undefined && { belowBytes }),
      ...(kind === 'days' && { expiresDays: days + 1 }),
      ...(kind === 'date' && { expiresAtMs: days * DAY }),
    }),
  );

const anyObject = fastCheck.record({
  key: keys,
  sizeBytes: fastCheck.nat(20),
  modifiedMs: fastCheck.nat(5 * DAY),
  tags: tagged.map((tags) => ({ values: Object.fromEntries(tags) })),
});

type Tagged = Aging & { readonly tags: Tags };

/** As the documentation says it, one thing after the other. */
function naive(rules: readonly LifecycleRule[], object: Tagged, now: number): boolean {
  for (const each of rules) {
    if (!each.isEnabled) continue;
    if (each.prefix !== undefined && object.key.slice(0, each.prefix.length) !== each.prefix) continue;
    if (each.aboveBytes !== undefined && !(object.sizeBytes > each.aboveBytes)) continue;
    if (each.belowBytes !== undefined && !(object.sizeBytes < each.belowBytes)) continue;
    if (each.tags?.some(([key, value]) => object.tags.values[key] !== value)) continue;
    if (each.expiresAtMs !== undefined && now >= each.expiresAtMs) return true;
    if (each.expiresDays === undefined) continue;
    const end = new Date(object.modifiedMs + each.expiresDays * DAY);
    const isMidnight = end.getTime() === Date.UTC(end.getUTCFullYear(), end.getUTCMonth(), end.getUTCDate());
    if (!isMidnight) end.setUTCHours(24, 0, 0, 0);
    if (now >= end.getTime()) return true;
  }
  return false;
}

test('what is due is what a plain reading of the rules finds, for any rules, objects and moments', (t) => {
  fastCheck.assert(
    fastCheck.property(
      fastCheck.array(anyRule, { maxLength: 4 }),
      anyObject,
      fastCheck.oneof(
        fastCheck.nat(15 * DAY),
        fastCheck.nat(15).map((days) => days * DAY),
      ),
      (rules, object, nowMs) => {
        const due = new DueObjects(rules, nowMs);
        const expected = naive(rules, object, nowMs);
        t.is(due.isDue(object), expected);
        t.is((expiryOf(rules, object)?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs, expected);
        if (!expected) return;
        // Nothing that a scan would skip is due.
        t.true(due.mayBeDue(object));
        t.true(object.key.startsWith(due.prefix));
        t.true(object.modifiedMs <= due.youngestMs);
      },
    ),
    { numRuns: 2_000 },
  );
});
