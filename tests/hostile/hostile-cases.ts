// Owns the drawing of cases. A case is a function of seed and index alone (but for the time in its
// signature), so that any can be played again.

import { seededRandom } from '#core/kernel/random.ts';
import { Chance } from '#tests/simulation/world.ts';
import {
  type Dialect,
  type Draft,
  type Forgery,
  type HostileCase,
  type Mangling,
  written,
} from './dialect.ts';
import { FRAMINGS, hidden } from './framings.ts';
import { TARGET_MANGLINGS } from './target-manglings.ts';

const INDEX_STRIDE = 0x9e3779b1;

export function hostileCase(dialect: Dialect, seed: number, index: number): HostileCase {
  const chance = new Chance(seededRandom((seed ^ Math.imul(index + 1, INDEX_STRIDE)) >>> 0));
  const what: string[] = [];
  const apply = (draft: Draft, mangling: Mangling): Draft => {
    what.push(mangling.name);
    return mangling.mangle(draft, chance);
  };
  let draft = dialect.draw(chance);
  for (let count = chance.pick([0, 1, 1, 1, 2, 3]); count > 0; count--) {
    draft = apply(draft, chance.pick(chance.happens(0.5) ? dialect.manglings : TARGET_MANGLINGS));
  }
  let sealed = dialect.seal(draft, chance);
  let forgery: Forgery | undefined;
  if (what.length === 0 ? chance.happens(0.5) : chance.happens(0.1)) {
    forgery = chance.pick(dialect.forgeries);
    sealed = apply(sealed, forgery);
  }
  const rest = { id: `${seed}:${index}`, what, draft: sealed, mustRefuse: forgery?.mustRefuse ?? false };
  if (what.length === 0 || chance.happens(0.1)) {
    const framing = chance.pick(FRAMINGS);
    what.push(framing.name);
    // Whatever ends elsewhere than it did may well be another, legal, request.
    return { ...rest, mustRefuse: false, bytes: framing.write(sealed, chance), answers: 'last' };
  }
  if (sealed.body.length === 0 && chance.happens(0.05)) {
    what.push('a request in the body');
    sealed = { ...sealed, body: hidden(sealed) };
  }
  return { ...rest, draft: sealed, bytes: written(sealed), answers: 'one' };
}
