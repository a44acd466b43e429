// Owns the reading of part numbers and counts from queries.

import { limits } from '#core/kernel/limits.ts';
import { invalidArgument } from '../errors.ts';

const DIGITS = /^\d{1,10}$/;

/** @throws S3Error InvalidArgument */
export function partNumberOf(text: string): number {
  const number = DIGITS.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= limits.s3Parts) return number;
  throw invalidArgument(
    'partNumber',
    text,
    `Part number must be an integer between 1 and ${limits.s3Parts}, inclusive`,
  );
}

const INTEGER_MAX = 2 ** 31 - 1;

/** A page size: at most a page, a page where none is asked for. @throws S3Error InvalidArgument */
export function pageSizeOf(name: string, text: string | undefined): number {
  if (text === undefined || text === '') return limits.s3PageKeys;
  return Math.min(limits.s3PageKeys, countOf(name, text));
}

/** A whole number of 31 bits. @throws S3Error InvalidArgument */
export function countOf(name: string, text: string): number {
  const count = DIGITS.test(text) ? Number(text) : -1;
  if (count >= 0 && count <= INTEGER_MAX) return count;
  throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`);
}
