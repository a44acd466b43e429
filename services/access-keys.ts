// Owns the form of access keys: what every client of S3 and EC2 takes.

import type { Random } from '#core/kernel/random.ts';

const KEY_ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** 20 letters and digits, as clients expect of an access key id. */
export function newAccessKeyId(random: Random): string {
  const letters = random.fill(Buffer.allocUnsafe(16));
  return `STRA${Array.from(letters, (byte) => KEY_ID_LETTERS[byte & 31]).join('')}`;
}

/** 40 characters that need no quoting in any shell or configuration file: 240 random bits. */
export function newSecret(random: Random): string {
  return random.fill(Buffer.allocUnsafe(30)).toString('base64url');
}
