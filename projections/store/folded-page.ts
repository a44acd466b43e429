// Owns one page of a listing whose names fold at a delimiter: names that share all up to the delimiter behind
// the prefix appear once, as a common prefix. Guarantee: `truncated` is exact. A folded range is not read
// through but jumped over, so a page costs what it shows, not what it hides.

import { limits } from '#core/kernel/limits.ts';
import { compareKeys, endOfPrefix } from './key-order.ts';
import type { RowRange, ScanCursor } from './projection.ts';

export interface FoldedPageRequest<Found, Item> {
  scan(range: RowRange): ScanCursor<Found>;
  /** The lowest key in the scan whose name begins with this. */
  keyOf(namePrefix: string): string;
  nameOf(found: Found): string;
  item(found: Found): Item;
  readonly prefix: string;
  /** Empty: no folding. */
  readonly delimiter: string;
  /** The last name of the page before, or empty; a common prefix that it begins with is not shown again. */
  readonly after: string;
  /** The first key behind `after`. */
  readonly afterKey: string;
  readonly limit: number;
}

export interface FoldedPage<Item> {
  readonly items: readonly Item[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  /** The last name or common prefix of the page. */
  readonly last: string;
  readonly lastIsPrefix: boolean;
}

/** Few rows at first behind a jump: the next common prefix may be one to jump over too. */
const ROWS_AFTER_JUMP = 16;
/** After so many jumps in a row the next common prefix is taken for one to jump over, at its first row. */
const JUMPS_TRUSTED = 2;
/** Every so often it is looked whether jumping still pays. */
const JUMPS_PER_LOOK = 32;

export async function foldedPage<Found, Item>(
  request: FoldedPageRequest<Found, Item>,
): Promise<FoldedPage<Item>> {
  const { delimiter, limit } = request;
  const page = new PageBuilder(request);
  const range = rangeOf(request);
  if (limit === 0 || range === undefined) return page.done(false);
  const cursor = request.scan(range);
  let ask = delimiter === '' ? Math.min(limit + 1, limits.s3PageKeys + 1) : ROWS_AFTER_JUMP;
  let jumps = 0;
  try {
    for (;;) {
      const rows = await cursor.next(ask);
      if (rows.length === 0) return page.done(false);
      let hidden = 0;
      for (const row of rows) {
        const taken = page.take(row);
        if (taken === 'full') return page.done(true);
        if (taken === 'hidden') hidden++;
      }
      if (page.folding !== undefined && (ask === 1 || hidden * 2 > rows.length)) {
        const behind = endOfPrefix(request.keyOf(page.folding));
        if (behind === undefined) return page.done(false);
        cursor.seek(behind);
        jumps++;
        ask = jumps < JUMPS_TRUSTED || jumps % JUMPS_PER_LOOK === 0 ? ROWS_AFTER_JUMP : 1;
      } else {
        jumps = 0;
        ask = Math.min(Math.max(ask * 2, ROWS_AFTER_JUMP), limits.s3PageKeys + 1);
      }
    }
  } finally {
    await cursor.close();
  }
}

/** Undefined where nothing can stand behind `after`. */
function rangeOf<Found, Item>(request: FoldedPageRequest<Found, Item>): RowRange | undefined {
  const { prefix, after, delimiter } = request;
  const first = request.keyOf(prefix);
  const lt = endOfPrefix(first);
  if (after === '') return { gte: first, lt };
  const shown = after.startsWith(prefix) ? commonPrefixOf(after, prefix, delimiter) : undefined;
  const behind = shown === undefined ? request.afterKey : endOfPrefix(request.keyOf(shown));
  if (behind === undefined) return undefined;
  return { gte: compareKeys(behind, first) > 0 ? behind : first, lt };
}

function commonPrefixOf(name: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : name.slice(0, at + delimiter.length);
}

class PageBuilder<Found, Item> {
  /** The common prefix whose rows are being passed. */
  folding: string | undefined;
  readonly #request: FoldedPageRequest<Found, Item>;
  readonly #items: Item[] = [];
  readonly #commonPrefixes: string[] = [];
  #last = '';
  #lastIsPrefix = false;

  constructor(request: FoldedPageRequest<Found, Item>) {
    this.#request = request;
  }

  take(found: Found): 'shown' | 'hidden' | 'full' {
    const { prefix, delimiter, limit } = this.#request;
    const name = this.#request.nameOf(found);
    if (this.folding !== undefined && name.startsWith(this.folding)) return 'hidden';
    this.folding = undefined;
    if (this.#items.length + this.#commonPrefixes.length === limit) return 'full';
    const folded = commonPrefixOf(name, prefix, delimiter);
    if (folded === undefined) this.#items.push(this.#request.item(found));
    else this.#commonPrefixes.push(folded);
    this.folding = folded;
    this.#last = folded ?? name;
    this.#lastIsPrefix = folded !== undefined;
    return 'shown';
  }

  done(truncated: boolean): FoldedPage<Item> {
    return {
      items: this.#items,
      commonPrefixes: this.#commonPrefixes,
      truncated,
      last: this.#last,
      lastIsPrefix: this.#lastIsPrefix,
    };
  }
}
