// Owns the rows that hold sums. Numbers are doubles: exact up to 2^53.

import { asBuffer } from '../store/row-value.ts';

const NUMBER_BYTES = 8;

export interface BucketUsage {
  readonly objects: number;
  readonly bytes: number;
}

export interface OwnerUsage extends BucketUsage {
  readonly buckets: number;
}

export function encodeBucket({
  objects,
  bytes,
  owner,
}: BucketUsage & { readonly owner: string }): Uint8Array {
  const row = Buffer.allocUnsafe(2 * NUMBER_BYTES + Buffer.byteLength(owner));
  row.writeDoubleBE(objects, 0);
  row.writeDoubleBE(bytes, NUMBER_BYTES);
  row.write(owner, 2 * NUMBER_BYTES);
  return row;
}

export function bucketUsage(row: Uint8Array | undefined): BucketUsage & { readonly owner: string } {
  if (!row) return { objects: 0, bytes: 0, owner: '' };
  const bytes = asBuffer(row);
  return { ...numbersOf(bytes), owner: bytes.toString('utf8', 2 * NUMBER_BYTES) };
}

export function encodeOwner({ buckets, objects, bytes }: OwnerUsage): Uint8Array {
  const row = Buffer.allocUnsafe(3 * NUMBER_BYTES);
  row.writeDoubleBE(objects, 0);
  row.writeDoubleBE(bytes, NUMBER_BYTES);
  row.writeDoubleBE(buckets, 2 * NUMBER_BYTES);
  return row;
}

export function ownerUsage(row: Uint8Array | undefined): OwnerUsage {
  if (!row) return { buckets: 0, objects: 0, bytes: 0 };
  const bytes = asBuffer(row);
  return { ...numbersOf(bytes), buckets: bytes.readDoubleBE(2 * NUMBER_BYTES) };
}

function numbersOf(row: Buffer): BucketUsage {
  return { objects: row.readDoubleBE(0), bytes: row.readDoubleBE(NUMBER_BYTES) };
}
