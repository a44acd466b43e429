// Owns the reading of `Range` (RFC 9110, section 14) as Swift does: several ranges are answered together,
// what is malformed is ignored, and so many or such overlapping ranges that they can only be meant to do harm
// are refused.

import { limits } from '#core/kernel/limits.ts';
import { SwiftError } from './errors.ts';

/** Bytes `offset` to `offset + length` of an object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const RANGE = /^(\d*)\s*-\s*(\d*)$/;
const OVERLAPS_MAX = 2;
const BACKWARDS_MAX = 8;

/** Undefined: the whole object. @throws SwiftError 416 */
export function rangesOf(header: string | undefined, sizeBytes: number): readonly ByteRange[] | undefined {
  const specs = header === undefined ? undefined : specsOf(header);
  if (!specs) return undefined;
  const ranges: ByteRange[] = [];
  for (const [first, last] of specs) {
    const offset = first === undefined ? Math.max(0, sizeBytes - (last as number)) : first;
    const end = first === undefined || last === undefined ? sizeBytes : Math.min(last + 1, sizeBytes);
    if (offset < end) ranges.push({ offset, length: end - offset });
  }
  if (ranges.length === 0 || isHostile(ranges)) {
    throw new SwiftError(416, undefined, ['Content-Range', `bytes */${sizeBytes}`]);
  }
  return ranges;
}

type Spec = readonly [first: number | undefined, last: number | undefined];

function specsOf(header: string): readonly Spec[] | undefined {
  if (!/^bytes=/i.test(header)) return undefined;
  const specs: Spec[] = [];
  for (const text of header.slice('bytes='.length).split(',')) {
    const match = RANGE.exec(text.trim());
    if (!match) return undefined;
    const first = match[1] === '' ? undefined : Number(match[1]);
    const last = match[2] === '' ? undefined : Number(match[2]);
    if (first === undefined && last === undefined) return undefined;
    if (first !== undefined && last !== undefined && last < first) return undefined;
    specs.push([first, last]);
  }
  return specs;
}

function isHostile(ranges: readonly ByteRange[]): boolean {
  if (ranges.length > limits.swiftRanges) return true;
  let overlaps = 0;
  let backwards = 0;
  for (let at = 1; at < ranges.length; at++) {
    const range = ranges[at] as ByteRange;
    if (range.offset < (ranges[at - 1] as ByteRange).offset) backwards++;
    for (let other = 0; other < at; other++) {
      const { offset, length } = ranges[other] as ByteRange;
      if (range.offset < offset + length && offset < range.offset + range.length) overlaps++;
    }
  }
  return overlaps > OVERLAPS_MAX || backwards > BACKWARDS_MAX;
}
