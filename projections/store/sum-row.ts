// Owns the rows that hold sums, as doubles: whole numbers are exact up to 2^53.

import { asBuffer } from './row-value.ts';

const NUMBER_BYTES = 8;

export function sumRow(numbers: readonly number[]): Uint8Array {
  const row = Buffer.allocUnsafe(numbers.length * NUMBER_BYTES);
  for (const [at, number] of numbers.entries()) row.writeDoubleBE(number, at * NUMBER_BYTES);
  return row;
}

/** None where there is no row. */
export function sumsOf(row: Uint8Array | undefined): number[] {
  if (!row) return [];
  const bytes = asBuffer(row);
  return Array.from({ length: row.length / NUMBER_BYTES }, (_, at) => bytes.readDoubleBE(at * NUMBER_BYTES));
}
