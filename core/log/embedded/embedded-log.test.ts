// Owns the proof that the embedded log keeps the port's promises, in segments of the usual size and in tiny
// ones.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { KIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { type EventLogFactory, eventLogSuite } from '../event-log.suite.ts';
import { note, textOf, textsIn } from '../suite/support.ts';
import { EmbeddedLog } from './embedded-log.ts';

function factory(name: string, segmentBytes?: number): EventLogFactory {
  return {
    name,
    supports: { reopen: true, clock: true },
    async open(clock: Clock) {
      const directory = mkdtempSync(join(tmpdir(), 'strata-'));
      const open = () =>
        EmbeddedLog.open({ directory, clock, random: systemRandom, ...(segmentBytes && { segmentBytes }) });
      let log = await open();
      return {
        log,
        async reopen() {
          await log.close();
          log = await open();
          return log;
        },
        async destroy() {
          await log.close();
          rmSync(directory, { recursive: true });
        },
      };
    },
  };
}

eventLogSuite(test, factory('embedded'));
eventLogSuite(test, factory('embedded, tiny segments', 8 * KIB));

function newDirectory(t: { teardown: (end: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

const open = (directory: string) =>
  EmbeddedLog.open({ directory, clock: systemClock, random: systemRandom, segmentBytes: 16 * KIB });

test('a follower that keeps up has seen an event before its appender goes on', async (t) => {
  const log = await open(newDirectory(t));
  const seen: string[] = [];
  const following = (async () => {
    for await (const batch of log.follow({ from: [] })) seen.push(...batch.map(textOf));
  })();
  const append = async (caller: number) => {
    for (let round = 0; round < 50; round++) {
      await note(log, `notes/${caller}`, `${caller} ${round}`);
      if (!seen.includes(`${caller} ${round}`)) t.fail(`${caller} ${round} was not seen yet`);
    }
  };
  await Promise.all([append(1), append(2), append(3)]);
  t.is(seen.length, 150);
  await log.close();
  await following;
});

test('a follower far behind reads the files and then keeps up, while others append', async (t) => {
  const log = await open(newDirectory(t));
  const payload = 'x'.repeat(2_000);
  for (let at = 0; at < 20; at++) {
    await Promise.all(Array.from({ length: 20 }, (_, each) => note(log, `notes/${each}`, payload)));
  }
  const offsets: number[] = [];
  for await (const batch of log.follow({ from: [7] })) {
    for (const each of batch) offsets.push(each.position.offset);
    if (offsets.length < 500) await note(log, 'notes/more', payload);
    else break;
  }
  t.deepEqual(
    offsets,
    Array.from(offsets, (_, at) => at + 7),
  );
  await log.close();
});

test('a second log on the same directory is refused, and a closed one lets go', async (t) => {
  const directory = newDirectory(t);
  const log = await open(directory);
  await t.throwsAsync(open(directory), { name: 'Fault', code: 'locked', message: /in use by process \d+/ });
  await note(log, 'notes/a', 'one');
  await log.close();
  const again = await open(directory);
  t.deepEqual(await textsIn(again, 'notes/a'), ['one']);
  t.is(again.count, 1);
  await again.close();
});

test('a long stream over many segments is read in order, from any revision', async (t) => {
  const directory = newDirectory(t);
  const log = await open(directory);
  const texts = Array.from({ length: 3_000 }, (_, at) => `${at} ${'x'.repeat(600)}`);
  for (let at = 0; at < texts.length; at += 10) await note(log, 'notes/long', texts.slice(at, at + 10));
  t.deepEqual(await textsIn(log, 'notes/long'), texts);
  t.deepEqual(await textsIn(log, 'notes/long', 1_777), texts.slice(1_777));
  await log.close();
  const again = await open(directory);
  t.deepEqual(await textsIn(again, 'notes/long', 2_990), texts.slice(2_990));
  await again.close();
});
