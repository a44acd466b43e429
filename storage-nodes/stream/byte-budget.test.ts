// Owns the proof that the byte budget is fair, bounded and never loses a byte.

import test from 'ava';
import fc from 'fast-check';
import { type BudgetWaiter, ByteBudget } from './byte-budget.ts';

test('a small request does not overtake a large one that waits', (t) => {
  const budget = new ByteBudget(100);
  const granted: string[] = [];
  t.true(budget.tryTake(60));
  budget.take(50, () => granted.push('large'));
  t.false(budget.tryTake(10), 'ten bytes are free, but somebody was first');
  budget.take(10, () => granted.push('small'));
  t.deepEqual(granted, []);
  budget.give(60);
  t.deepEqual(granted, ['large', 'small']);
  t.is(budget.usedBytes, 60);
});

test('when the first in the queue gives up, those behind it are served', (t) => {
  const budget = new ByteBudget(100);
  budget.tryTake(60);
  const granted: string[] = [];
  const large = budget.take(90, () => granted.push('large'));
  budget.take(40, () => granted.push('small'));
  budget.cancel(large);
  t.deepEqual(granted, ['small']);
  budget.cancel(large);
  t.is(budget.waiting, 0);
});

test('many that give back as soon as they are granted do not exhaust the stack', (t) => {
  const budget = new ByteBudget(10);
  budget.tryTake(10);
  let served = 0;
  for (let i = 0; i < 100_000; i++) {
    budget.take(10, () => {
      served++;
      budget.give(10);
    });
  }
  budget.give(10);
  t.is(served, 100_000);
  t.is(budget.usedBytes, 0);
});

test('asking for more than there will ever be, or giving back too much, is a bug', (t) => {
  const budget = new ByteBudget(10);
  t.throws(() => budget.take(11, () => undefined), { name: 'Bug' });
  t.throws(() => budget.give(1), { name: 'Bug' });
});

test('any mix of taking, giving and giving up stays within the budget and in order', (t) => {
  const step = fc.record({
    what: fc.constantFrom('take', 'try', 'give', 'cancel'),
    bytes: fc.integer({ min: 0, max: 50 }),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = new ByteBudget(100);
      const held: number[] = [];
      const waiting: { readonly waiter: BudgetWaiter; readonly turn: number }[] = [];
      let lastGranted = -1;
      steps.forEach(({ what, bytes, which }, turn) => {
        if (what === 'try') {
          if (budget.tryTake(bytes)) held.push(bytes);
        } else if (what === 'take') {
          let granted = false;
          const waiter = budget.take(bytes, () => {
            granted = true;
            t.true(turn > lastGranted, 'first come, first served');
            lastGranted = turn;
            held.push(bytes);
            const place = waiting.findIndex((one) => one.turn === turn);
            if (place >= 0) waiting.splice(place, 1);
          });
          if (!granted) waiting.push({ waiter, turn });
        } else if (what === 'give' && held.length > 0) {
          budget.give(held.splice(which % held.length, 1)[0] as number);
        } else if (what === 'cancel' && waiting.length > 0) {
          const [one] = waiting.splice(which % waiting.length, 1);
          if (one !== undefined) budget.cancel(one.waiter);
        }
        const sum = held.reduce((total, one) => total + one, 0);
        t.is(budget.usedBytes, sum);
        t.true(sum <= 100);
        t.is(budget.waiting, waiting.length);
        const first = waiting[0];
        if (first !== undefined) t.true(sum + first.waiter.sizeBytes > 100, 'nobody waits without a reason');
      });
    }),
  );
});
