// Tests one-time passwords against the vectors of RFC 6238, appendix B, and RFC 4648, section 10.

import test from 'ava';
import { fromBase32, oneTimePassword, stepOf } from './one-time-passwords.ts';

const SEED = Buffer.from('12345678901234567890');
const STEP_MS = 30_000;

const VECTORS: readonly (readonly [seconds: number, password: string])[] = [
  ...([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
  ] as const),
  ...([
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const),
];

test('a password is that of the RFC at each of its moments', (t) => {
  for (const [seconds, password] of VECTORS) {
    t.is(oneTimePassword(SEED, Math.floor(seconds / 30)), password);
    t.is(stepOf(SEED, password, seconds * 1_000), Math.floor(seconds / 30));
  }
});

test('a password may come one step late, and neither later nor before its time', (t) => {
  const password = oneTimePassword(SEED, 1_000);
  t.is(stepOf(SEED, password, 1_000 * STEP_MS - 1), undefined);
  t.is(stepOf(SEED, password, 1_000 * STEP_MS), 1_000);
  t.is(stepOf(SEED, password, 1_002 * STEP_MS - 1), 1_000);
  t.is(stepOf(SEED, password, 1_002 * STEP_MS), undefined);
  t.is(stepOf(SEED, '', 1_000 * STEP_MS), undefined);
  t.is(stepOf(SEED, `${password}0`, 1_000 * STEP_MS), undefined);
});

test('a seed is read as the RFC writes it', (t) => {
  const words = { '': '', MY: 'f', MZXQ: 'fo', 'MZXW6===': 'foo', MZXW6YQ: 'foob', mzxw6ytboi: 'foobar' };
  for (const [text, word] of Object.entries(words)) t.is(fromBase32(text)?.toString(), word, text);
  t.is(fromBase32('not 1'), undefined);
});
