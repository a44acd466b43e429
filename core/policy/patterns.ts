// Owns the patterns of policies: text with `*`, `?` and variables in it. Guarantee: what a match costs is
// counted and bounded by whoever asks, so that no pattern and no text can hold up the process.

import { assert } from '#core/kernel/assert.ts';

/** What an evaluation may still spend, in characters looked at. */
export class Steps {
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  /** @returns false once all are spent. */
  take(count: number): boolean {
    this.#left -= count;
    return this.#left >= 0;
  }

  get areSpent(): boolean {
    return this.#left < 0;
  }
}

/** The one value that the request has under that name; undefined where it has none, or many. */
export type VariableLookup = (key: string) => string | undefined;

const ANY = -1;
const ONE = -2;

interface Variable {
  readonly key: string;
  readonly otherwise: string | undefined;
}

/** A UTF-16 code unit, ANY, ONE, or what is known at the request only. */
type Atom = number | Variable;

/** How the text of a pattern is to be read. */
export interface PatternRules {
  /** `*` and `?` stand for others. */
  readonly wildcards: boolean;
  /** `${…}` is replaced (policies of version 2012-10-17). */
  readonly variables: boolean;
  readonly ignoresCase?: boolean;
}

const VARIABLE = /\$\{([^{}]*)\}/g;
const VARIABLE_NAME = /^\s*([A-Za-z0-9-]+:[^,'"]+?)\s*(?:,\s*'([^']*)'\s*)?$/;
const COLON = ':'.charCodeAt(0);
/** partition, service, region, account and resource follow `arn`; only the last has colons of its own. */
const ARN_PARTS = 6;

export class Pattern {
  readonly #atoms: readonly Atom[];
  readonly #ignoresCase: boolean;
  /** Where it stands for itself alone. */
  readonly #literal: string | undefined;
  readonly hasVariables: boolean;
  readonly hasWildcards: boolean;

  private constructor(atoms: readonly Atom[], ignoresCase: boolean) {
    this.#atoms = atoms;
    this.#ignoresCase = ignoresCase;
    this.hasVariables = atoms.some((atom) => typeof atom !== 'number');
    this.hasWildcards = atoms.includes(ANY) || atoms.includes(ONE);
    this.#literal = this.hasVariables || this.hasWildcards ? undefined : textOf(atoms as readonly number[]);
  }

  /** Undefined where the text has a variable that is none. */
  static of(text: string, { wildcards, variables, ignoresCase = false }: PatternRules): Pattern | undefined {
    const cased = (part: string) => (ignoresCase ? part.toLowerCase() : part);
    const atoms: Atom[] = [];
    let at = 0;
    for (const found of variables ? text.matchAll(VARIABLE) : []) {
      addAtoms(atoms, cased(text.slice(at, found.index)), wildcards);
      const inside = found[1] as string;
      // `${*}`, `${?}` and `${$}` are these characters themselves.
      if (inside === '*' || inside === '?' || inside === '$') addAtoms(atoms, inside, false);
      else {
        const [, key, otherwise] = VARIABLE_NAME.exec(inside) ?? [];
        if (key === undefined) return undefined;
        atoms.push({ key, otherwise });
      }
      at = found.index + found[0].length;
    }
    addAtoms(atoms, cased(text.slice(at)), wildcards);
    return new Pattern(atoms, ignoresCase);
  }

  /** Its parts as an ARN, each a pattern; undefined where it is none. */
  arnParts(): readonly Pattern[] | undefined {
    const parts: Atom[][] = [[]];
    for (const atom of this.#atoms) {
      if (atom === COLON && parts.length < ARN_PARTS) parts.push([]);
      else parts.at(-1)?.push(atom);
    }
    if (parts.length !== ARN_PARTS) return undefined;
    return parts.map((atoms) => new Pattern(atoms, this.#ignoresCase));
  }

  matches(text: string, lookup: VariableLookup, steps: Steps): boolean {
    const read = this.#ignoresCase ? text.toLowerCase() : text;
    if (this.#literal !== undefined) return steps.take(1) && this.#literal === read;
    const codes = this.hasVariables ? this.#resolved(lookup, steps) : (this.#atoms as readonly number[]);
    return codes !== undefined && matchesCodes(codes, read, steps);
  }

  /** Undefined where a variable has no value: then it matches nothing. */
  #resolved(lookup: VariableLookup, steps: Steps): readonly number[] | undefined {
    const codes: number[] = [];
    for (const atom of this.#atoms) {
      if (typeof atom === 'number') codes.push(atom);
      else {
        const found = lookup(atom.key) ?? atom.otherwise;
        if (found === undefined || !steps.take(found.length)) return undefined;
        addAtoms(codes, this.#ignoresCase ? found.toLowerCase() : found, false);
      }
    }
    return codes;
  }
}

export function arnPartsOf(text: string): readonly string[] | undefined {
  const parts = text.split(':');
  if (parts.length < ARN_PARTS) return undefined;
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')];
}

function addAtoms(atoms: Atom[], text: string, wildcards: boolean): void {
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (wildcards && character === '*') {
      // Several in a row mean what one means.
      if (atoms.at(-1) !== ANY) atoms.push(ANY);
    } else atoms.push(wildcards && character === '?' ? ONE : text.charCodeAt(at));
  }
}

const textOf = (codes: readonly number[]): string => {
  let text = '';
  for (const code of codes) text += String.fromCharCode(code);
  return text;
};

/** Greedy: only the last ANY is ever tried again, so at most one step for each pair of characters. */
function matchesCodes(codes: readonly number[], text: string, steps: Steps): boolean {
  let code = 0;
  let at = 0;
  let behindAny = -1;
  let retryAt = 0;
  while (at < text.length) {
    if (!steps.take(1)) return false;
    const wanted = codes[code];
    if (wanted === ANY) {
      behindAny = ++code;
      retryAt = at;
    } else if (wanted !== undefined && (wanted === ONE || wanted === text.charCodeAt(at))) {
      code += 1;
      at += 1;
    } else if (behindAny >= 0) {
      code = behindAny;
      retryAt += 1;
      at = retryAt;
    } else return false;
  }
  while (codes[code] === ANY) code += 1;
  assert(code <= codes.length, 'a pattern is not read past its end');
  return code === codes.length;
}
