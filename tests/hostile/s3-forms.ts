// Owns the hostile forms of S3: signed as a browser's would be, and each spoilt so that none may be taken.

import type { Chance } from '#tests/simulation/world.ts';
import { type AccessKey, signedForm } from '#tests/support/signed-requests.ts';
import { letters, NUMBERS, noise, TEXTS } from './hostile-values.ts';

const BOUNDARY = 'formboundary';
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

const field = (name: string, value: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

type Fields = Readonly<Record<string, string>>;

const written = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, value]) => field(name, value))
    .join('');

const FILE = `${field('file', 'content')}--${BOUNDARY}--\r\n`;

/** Of a form's fields, in their order: the body that is sent. */
type Spoil = (fields: Fields, chance: Chance) => string;

const SPOILS: readonly Spoil[] = [
  (fields, chance) => written({ ...fields, 'x-amz-signature': chance.pick(TEXTS) }) + FILE,
  (fields, chance) => written({ ...fields, policy: chance.pick(TEXTS) }) + FILE,
  (fields, chance) => written({ ...fields, 'x-amz-credential': chance.pick(TEXTS) }) + FILE,
  (fields, chance) => written({ ...fields, 'x-amz-date': chance.pick(NUMBERS) }) + FILE,
  (fields, chance) => written({ ...fields, [`x-amz-meta-${letters(chance, 3)}`]: 'extra' }) + FILE,
  (fields) => written({ ...fields, key: '' }) + FILE,
  (fields) => written({ ...fields, key: 'x'.repeat(2_000) }) + FILE,
  (fields) => written(fields) + field('key', 'again') + FILE,
  (fields, chance) => written({ ...fields, 'x-ignore': 'y'.repeat(chance.pick([30_000, 400_000])) }) + FILE,
  (fields, chance) => field('x-ignore', '').repeat(chance.pick([300, 5_000])) + written(fields) + FILE,
  (fields) => `${written(fields)}--${BOUNDARY}--\r\n`,
  (fields, chance) => written(fields).slice(0, chance.whole(0, 300)),
  (fields) => written(fields).replaceAll('\r\n', '\n') + FILE.replaceAll('\r\n', '\n'),
  (fields) => written(fields).replace('form-data', 'form-data; name="a"'.repeat(900)) + FILE,
  (fields) => `--${BOUNDARY}${'-'.repeat(20_000)}${written(fields)}${FILE}`,
  (fields) => (written(fields) + FILE).replaceAll(BOUNDARY, 'another'),
  (fields) => written(fields).replaceAll('Content-Disposition', 'Content-Position') + FILE,
  (_fields, chance) => noise(chance, chance.whole(0, 3_000)).toString('latin1'),
];

export function spoiltForm(key: AccessKey, atMs: number, chance: Chance): Buffer {
  const conditions = [{ key: 'k1' }, ['starts-with', '$x-ignore', ''], ['content-length-range', 0, 100]];
  const policy = { expiration: new Date(atMs + 600_000).toISOString(), conditions };
  return Buffer.from(chance.pick(SPOILS)({ key: 'k1', ...signedForm(policy, key, atMs) }, chance));
}
