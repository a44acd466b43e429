// Owns the values that programs are known to trip over.

import type { Chance } from '#tests/simulation/world.ts';

export const NUMBERS: readonly string[] = [
  ...['', '0', '-0', '-1', '+1', '1.5', '1e3', '1e309', '-1e309', 'NaN', 'Infinity', '-Infinity', '0x10'],
  ...['00000000001', '2147483647', '2147483648', '4294967296', '9007199254740993', '18446744073709551616'],
  ...['99999999999999999999999999', '1,000', '1 000', '%31', '%00', '1%00', '%EF%BC%91', 'null', 'true'],
  ...['[]', '{}', '__proto__', '9'.repeat(400)],
];

/** Percent-encoded, as they stand in a target. */
export const SEGMENTS: readonly string[] = [
  ...['..', '.', '%2e%2e', '%2E%2e%2F', '..%2f..%2f', '..%5c', '%252e%252e', '%c0%ae%c0%ae', '%c0%af'],
  ...['%e0%80%af', '%f0%80%80%af', '%ed%a0%80', '%f4%90%80%80', '%ff', '%fe%ff', '%', '%2', '%zz', '%u002e'],
  ...['%00', 'a%00b', '%0d%0aX-Injected:%201', '%0a', '%09', '%7f', '%1b%5b31m', '%20', '+', '%2b', '%3f'],
  ...['%23', ';', ':', '@', '~', "'", '(', '*', '%e2%80%ae', '%f0%9f%92%a9', '%cc%81'.repeat(40)],
  ...['CON', 'nul.txt', '.htaccess', 'etc%2fpasswd', '%2f', '%2f%2f', '%5c%5c', 'x'.repeat(1_024), '0'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', '%24%7bjndi%3aldap%7d', '%3cscript%3e'],
];

/** For header values: what a parser of HTTP lets through. */
export const TEXTS: readonly string[] = [
  ...NUMBERS,
  ...['\t', ' ', ',', ';', '"', '""', '"unclosed', "'", '*', 'W/"x"', '\\', '\xff\xfe', '\xc3\xa9', '\x80'],
  ...['=?UTF-8?B?AAAA?=', '=?UTF-8?Q?=00=0D=0A?=', '=?utf-8?b?////?=', '=?x?y?z?=', '%00', '%0d%0a'],
  ...['../../../etc/passwd', '<a/>', '&amp;', ']]>', '#{7*7}', '\xe2\x80\xae', 'a'.repeat(3_000)],
  ...['constructor', '__proto__', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Thu, 99 Foo 9999 99:99:99 GMT'],
];

/** Escapes nothing: for bodies. */
export function noise(chance: Chance, sizeBytes: number): Buffer {
  return chance.fill(Buffer.alloc(sizeBytes));
}

/** Text of characters that a URL may hold. */
export function letters(chance: Chance, length: number): string {
  const from = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~';
  return Array.from({ length }, () => from[chance.whole(0, from.length - 1)]).join('');
}

export function longKey(chance: Chance): string {
  return letters(chance, 16).repeat(chance.pick([64, 65, 640, 900]));
}
