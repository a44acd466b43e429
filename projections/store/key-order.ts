// Owns the order of row keys: by their UTF-8 bytes, which is the order of code points. JavaScript's own order
// of strings is that of UTF-16 units, and differs: U+10000 and above stands before U+E000..U+FFFF there.

const SURROGATE_MIN = 0xd800;
const SURROGATE_MAX = 0xdfff;
const CODE_POINT_MAX = 0x10ffff;

/** Negative, zero or positive as `a` stands before, at or after `b`. Both are well-formed text. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    // A surrogate stands for a code point above every single unit.
    const leftHigh = left >= SURROGATE_MIN && left <= SURROGATE_MAX;
    const rightHigh = right >= SURROGATE_MIN && right <= SURROGATE_MAX;
    if (leftHigh !== rightHigh) return leftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/**
 * The lowest key above all that begin with `prefix`; undefined where there is none (the prefix is empty or
 * made of the last code point only).
 */
export function endOfPrefix(prefix: string): string | undefined {
  let end = prefix.length;
  while (end > 0) {
    const low = prefix.charCodeAt(end - 1);
    const start = low >= 0xdc00 && low <= SURROGATE_MAX ? end - 2 : end - 1;
    const point = prefix.codePointAt(start) ?? 0;
    if (point < CODE_POINT_MAX) {
      const next = point + 1 === SURROGATE_MIN ? SURROGATE_MAX + 1 : point + 1;
      return prefix.slice(0, start) + String.fromCodePoint(next);
    }
    end = start;
  }
  return undefined;
}

/** The lowest key above `key`: nothing stands between a key and itself with a NUL behind. */
export function keyAfter(key: string): string {
  return `${key}\0`;
}
