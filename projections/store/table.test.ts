// Tests what readers of a table see while rows are gathered, written and resumed from: always a plain map.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryLog } from '#tests/support/memory-log.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { openLevelStore } from './level-store.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Projection } from './projection.ts';
import { anyKey, readAll } from './read-store.suite.ts';
import type { ReadStore } from './read-store.ts';
import { createProjectionRunner } from './runner.ts';

const lastValues: Projection = {
  name: 'last-values',
  version: 1,
  families: ['things'],
  apply(event, rows) {
    if (event.type === 'gone') rows.delete(event.stream);
    else rows.put(event.stream, event.payload);
  },
};

function open(log: MemoryLog, store: ReadStore) {
  const onFault = (error: unknown) => {
    throw error;
  };
  return createProjectionRunner({ log, store, projections: [lastValues], clock: new ManualClock(), onFault });
}

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** What happens to a few keys, with flushes and restarts in between. */
const happening = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ key: fc.nat(8), what: fc.constantFrom('set' as const, 'gone' as const) }),
  },
  { weight: 2, arbitrary: fc.constant('flush' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);

for (const kind of ['memory', 'level'] as const) {
  test(`readers of a ${kind} store see a plain map, whatever is flushed and restarted`, async (t) => {
    let turnNumber = 0;
    const property = fc.asyncProperty(
      fc.uniqueArray(anyKey, { minLength: 9, maxLength: 9, size: 'max' }),
      fc.array(happening, { maxLength: 40, size: 'max' }),
      async (names, happenings) => {
        const log = new MemoryLog({ clock: new ManualClock(), random: seededRandom(7) });
        const path = join(directory, `${kind}-${++turnNumber}`);
        const store = kind === 'memory' ? createMemoryStore() : await openLevelStore(path);
        let runner = await open(log, store);
        const model = new Map<string, string>();
        for (const [number, what] of happenings.entries()) {
          if (what === 'flush') void runner.flush();
          else if (what === 'restart') {
            await runner.close();
            runner = await open(log, store);
          } else {
            const key = `things/key/${names[what.key]}`;
            if (what.what === 'set') model.set(key, String(number));
            else model.delete(key);
            const events = [{ type: what.what, payload: Buffer.from(String(number)) }];
            await log.append({ stream: key, events, expect: 'any', actor: SYSTEM });
          }
          await runner.whenCaughtUp(await log.tail());
          const rows = await readAll(runner.table('last-values').scan({ gte: '' }), 3);
          const expected = [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          t.deepEqual(
            rows.map(({ key, value }) => [key, Buffer.from(value).toString()]),
            expected,
          );
        }
        await runner.close();
        await store.close();
      },
    );
    await fc.assert(property, { numRuns: kind === 'memory' ? 60 : 12 });
  });
}
