// Owns the proof of the judge: it accepts what an atomic register did, and rejects each way to break it.

import test from 'ava';
import fastCheck from 'fast-check';
import { type Action, isLinearizable, type Operation, type Outcome } from './linearizability.ts';

const during = (calledAt: number, answeredAt: number, action: Action): Operation => ({
  calledAt,
  answeredAt,
  action,
});

const write = (value: string, outcome: Outcome = 'done'): Action => ({ type: 'write', value, outcome });
const create = (value: string, outcome: Outcome = 'done'): Action => ({
  type: 'write',
  value,
  when: 'absent',
  outcome,
});
const replace = (old: string, value: string, outcome: Outcome = 'done'): Action => ({
  type: 'write',
  value,
  when: { value: old },
  outcome,
});
const read = (found?: string): Action => ({ type: 'read', found });
const remove: Action = { type: 'delete', outcome: 'done' };

test('a read after a write finds it; one beside it may find either', (t) => {
  t.true(isLinearizable([]));
  t.true(isLinearizable([during(0, 1, read())]));
  t.true(isLinearizable([during(0, 1, write('a')), during(2, 3, read('a'))]));
  t.true(isLinearizable([during(0, 9, write('a')), during(2, 3, read('a')), during(4, 5, read('a'))]));
  t.true(isLinearizable([during(0, 9, write('a')), during(2, 3, read()), during(4, 5, read('a'))]));
});

test('a stale read is rejected', (t) => {
  t.false(isLinearizable([during(0, 1, write('a')), during(2, 3, read())]));
  t.false(isLinearizable([during(0, 1, write('a')), during(2, 3, write('b')), during(4, 5, read('a'))]));
});

test('a read that goes back behind an earlier read is rejected', (t) => {
  t.false(isLinearizable([during(0, 9, write('a')), during(2, 3, read('a')), during(4, 5, read())]));
});

test('a value from nowhere is rejected', (t) => {
  t.false(isLinearizable([during(0, 1, read('x'))]));
  t.false(
    isLinearizable([
      during(0, 1, create('a')),
      during(2, 3, create('b', 'refused')),
      during(4, 5, read('b')),
    ]),
  );
});

test('of two racing creations exactly one wins', (t) => {
  t.true(isLinearizable([during(0, 5, create('a')), during(0, 5, create('b', 'refused'))]));
  t.false(isLinearizable([during(0, 5, create('a')), during(0, 5, create('b'))]));
  t.false(isLinearizable([during(0, 5, create('a', 'refused')), during(0, 5, create('b', 'refused'))]));
});

test('a conditional replacement sees the value that it names', (t) => {
  const start = during(0, 1, write('a'));
  t.true(isLinearizable([start, during(2, 3, replace('a', 'b')), during(4, 5, read('b'))]));
  t.true(
    isLinearizable([start, during(2, 9, replace('a', 'b')), during(2, 9, replace('a', 'c', 'refused'))]),
  );
  t.false(isLinearizable([start, during(2, 9, replace('a', 'b')), during(2, 9, replace('a', 'c'))]));
  t.false(isLinearizable([start, during(2, 3, replace('a', 'b', 'refused'))]));
});

test('a deleted key that is still found, and a deletion that undoes itself, are rejected', (t) => {
  const start = during(0, 1, write('a'));
  t.true(isLinearizable([start, during(2, 3, remove), during(4, 5, read())]));
  t.false(isLinearizable([start, during(2, 3, remove), during(4, 5, read('a'))]));
  t.false(isLinearizable([start, during(2, 9, remove), during(3, 4, read()), during(5, 6, read('a'))]));
});

test('a write without an answer may happen late or never, but not before its call', (t) => {
  const lost = during(2, 3, write('b', 'unknown'));
  const start = during(0, 1, write('a'));
  t.true(isLinearizable([start, lost, during(4, 5, read('a'))]));
  t.true(isLinearizable([start, lost, during(4, 5, read('a')), during(6, 7, read('b'))]));
  t.false(isLinearizable([start, lost, during(4, 5, read('b')), during(6, 7, read('a'))]));
  t.false(isLinearizable([start, during(1.2, 1.5, read('b')), lost]));
});

/** What an atomic register did: each action happened at its moment, within a time that we make around it. */
const history = fastCheck
  .array(fastCheck.record({ kind: fastCheck.nat(5), before: fastCheck.nat(60), after: fastCheck.nat(60) }), {
    maxLength: 60,
  })
  .map((draws) => {
    let value: string | undefined;
    return draws.map(({ kind, before, after }, index) => {
      const mine = `v${index}`;
      const action = ((): Action => {
        if (kind <= 1) return read(value);
        if (kind === 2) return create(mine, value === undefined ? 'done' : 'refused');
        if (kind === 3) return replace('v1', mine, value === 'v1' ? 'done' : 'refused');
        return kind === 4 ? remove : write(mine);
      })();
      if (action.type === 'delete') value = undefined;
      if (action.type === 'write' && action.outcome === 'done') value = mine;
      return during(index * 10 - before, index * 10 + after, action);
    });
  });

test('whatever an atomic register did is accepted, in whatever order it is told', (t) => {
  fastCheck.assert(
    fastCheck.property(history, (operations) => {
      t.true(isLinearizable(operations));
      t.true(isLinearizable([...operations].reverse()));
    }),
  );
});

test('the same with one read of another value that stands alone in time is rejected', (t) => {
  fastCheck.assert(
    fastCheck.property(history, fastCheck.nat(), (operations, at) => {
      const alone = operations.length * 10 + 1_000;
      const wrong = ['never-written', `v${at % 60}`].filter(
        (value) => !isLinearizable([...operations, during(alone, alone + 1, read(value))]),
      );
      t.true(wrong.includes('never-written'));
      const possible = new Set(
        [undefined, ...operations.map((_, index) => `v${index}`)].filter((value) =>
          isLinearizable([...operations, during(alone, alone + 1, read(value))]),
        ),
      );
      t.true(possible.size >= 1);
    }),
    { numRuns: 15 },
  );
});
