// Owns what a dialect hands in to be attacked: legal requests, what is worth spoiling in them, how they are
// signed, and what may be answered. Strings hold one byte per character, as on the wire.

import type { Chance } from '#tests/simulation/world.ts';
import type { Answer } from './answers.ts';

export type HeaderLine = readonly [name: string, value: string];

/** A request before it is written. */
export interface Draft {
  readonly method: string;
  /** From its first slash. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Without what frames the body; `Host` is added where there is none. */
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
}

export interface Mangling {
  readonly name: string;
  mangle(draft: Draft, chance: Chance): Draft;
}

/** One that is done to a request that is signed already. */
export interface Forgery extends Mangling {
  /** It makes the request one that must not be answered with success. */
  readonly mustRefuse: boolean;
}

export interface HostileCase {
  /** `seed:index`, to be played again. */
  readonly id: string;
  /** The names of what was done to it. */
  readonly what: readonly string[];
  readonly draft: Draft;
  readonly bytes: Buffer;
  /**
   * `one`: it gets one answer, whatever follows on the connection. `last`: it leaves open where it ends, so
   * nothing follows, and it gets one answer at most.
   */
  readonly answers: 'one' | 'last';
  readonly mustRefuse: boolean;
}

/** A legal request whose answer is that of no other. */
export interface Probe {
  readonly draft: Draft;
  isAnsweredBy(answer: Answer): boolean;
}

export interface Dialect {
  readonly host: string;
  /** A legal request, not yet signed. */
  draw(chance: Chance): Draft;
  readonly manglings: readonly Mangling[];
  readonly forgeries: readonly Forgery[];
  /** Whose it is: signed, or with a token. */
  seal(draft: Draft, chance: Chance): Draft;
  probe(index: number): Probe;
  /** What is wrong with the answer; undefined where it is one of the documented. */
  complaint(hostile: HostileCase, answer: Answer): string | undefined;
}

/** What hidden requests are for: no answer may speak of it. */
export const SMUGGLED = 'smuggled';

/** The request on the wire. @param framing header lines that say how long the body is; by its length */
export function written(draft: Draft, framing: readonly HeaderLine[] = lengthOf(draft)): Buffer {
  const target = draft.query === '' ? draft.path : `${draft.path}?${draft.query}`;
  const lines = [...draft.headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${draft.method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  return Buffer.concat([head, draft.body]);
}

function lengthOf({ method, body }: Draft): readonly HeaderLine[] {
  const hasNone = body.length === 0 && method !== 'PUT' && method !== 'POST' && method !== 'PATCH';
  return hasNone ? [] : [['Content-Length', String(body.length)]];
}

export function withHeader(draft: Draft, name: string, value: string): Draft {
  const others = draft.headers.filter(([each]) => each.toLowerCase() !== name.toLowerCase());
  return { ...draft, headers: [...others, [name, value]] };
}
