// Tests the file of settings of Swift: what it says holds, and what it gets wrong is named.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readSwiftSettings } from './swift-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'strata-'));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

function read(document: unknown) {
  const file = join(directory, 'settings.json');
  writeFileSync(file, JSON.stringify(document));
  return readSwiftSettings(file);
}

test('policies and rates are read, in order', (t) => {
  t.deepEqual(readSwiftSettings(undefined), {});
  t.deepEqual(read({}), {});
  const { policies } = read({
    policies: { low: { aliases: ['cheap'] }, high: { default: true }, old: { deprecated: true } },
  });
  t.deepEqual(policies, [
    { name: 'low', aliases: ['cheap'], isDefault: false, isDeprecated: false },
    { name: 'high', aliases: [], isDefault: true, isDeprecated: false },
    { name: 'old', aliases: [], isDefault: false, isDeprecated: true },
  ]);
  const { rateLimits } = read({
    rateLimits: { containerPerSecond: { 1000: 0.5, 100: 10 }, accountPerSecond: 2 },
  });
  t.deepEqual(rateLimits, {
    accountPerSecond: 2,
    containers: [
      { objects: 100, perSecond: 10 },
      { objects: 1_000, perSecond: 0.5 },
    ],
    ...{ listings: [], maxSleepSeconds: 60, bufferSeconds: 5, unlimitedProjects: [], refusedProjects: [] },
  });
});

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  [{ policy: {} }, /there is no setting policy/],
  [{ policies: {} }, /default must be true of one policy/],
  [{ policies: { a: {}, b: {} } }, /default must be true of one policy/],
  [{ policies: { a: { default: true }, b: { default: true } } }, /default must be true of one policy/],
  [{ policies: { a: { default: true, deprecated: true } } }, /default must be false where/],
  [{ policies: { a: { default: true }, b: { aliases: ['A'] } } }, /A must be the name of one policy/],
  [{ policies: { 'a b': { default: true } } }, /a b must be a letter, then/],
  [{ policies: { a: { default: true, replicas: 2 } } }, /there is no setting replicas/],
  [{ rateLimits: { accountPerSecond: 0 } }, /accountPerSecond must be a number from 0.001/],
  [{ rateLimits: { containerPerSecond: { many: 1 } } }, /many must be a number of objects/],
  [{ rateLimits: { containerPerSecond: { 10: 'x' } } }, /10 must be a number from/],
  [{ rateLimits: { perSecond: 1 } }, /there is no setting perSecond/],
];

test('what is wrong in it is named', (t) => {
  for (const [document, message] of WRONG) t.throws(() => read(document), { message });
});
