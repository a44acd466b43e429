// Owns the proof of what GuardedLog promises beyond the port: its local copy may lag, be damaged or be
// lost; what cannot be the same log is refused; and a broker out of reach is told in time, and truly.

import test from 'ava';
import { ManualClock, systemClock } from '#core/kernel/clock.ts';
import { type Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryBroker } from '#tests/support/memory-broker.ts';
import { collect, followToTail, note, textOf, textsIn } from '../suite/support.ts';
import { GuardedLog, type GuardedLogOptions } from './guarded-log.ts';

const DIRECTORY = '/log';
const CHECKPOINT = `${DIRECTORY}/partition-0.checkpoint`;
let seed = 100;

function openOn(
  broker: MemoryBroker,
  disk: MemoryDisk,
  more: Partial<GuardedLogOptions> = {},
): Promise<GuardedLog> {
  return GuardedLog.open({
    ...{ ordered: broker.connect(), directory: DIRECTORY, disk, clock: systemClock },
    ...{ random: seededRandom(++seed), logger: { warn: () => {} }, segmentBytes: 64 * 1024 },
    lock: () => ({ release: () => {} }),
    ...more,
  });
}

/** Accepted ones with void ones in between: of two logs each guesses what the other did. */
async function contend(one: GuardedLog, other: GuardedLog, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const expect = round === 0 ? 'none' : round - 1;
    await Promise.allSettled(
      [one, other].map((log, lane) => note(log, 'notes/a', `${round} ${lane}`, { expect })),
    );
    await Promise.all([one.tail(), other.tail()]);
  }
}

test('a copy without its checkpoint recognises what it has, and what was void, and goes on', async (t) => {
  const broker = new MemoryBroker(1);
  const disk = new MemoryDisk();
  const one = await openOn(broker, disk);
  const other = await openOn(broker, new MemoryDisk());
  await contend(one, other, 30);
  t.true(broker.end(0) > 45, 'some were void');
  const before = (await followToTail(one)).map((each) => JSON.stringify(each));
  t.is(before.length, 30);
  await one.close();
  disk.remove(CHECKPOINT);
  await note(other, 'notes/a', 'meanwhile', { expect: 29 });
  const again = await openOn(broker, disk);
  t.deepEqual(
    (await followToTail(again)).slice(0, 30).map((each) => JSON.stringify(each)),
    before,
  );
  t.is((await note(again, 'notes/a', 'next', { expect: 30 })).position.offset, 31);
  t.deepEqual(await textsIn(other, 'notes/a', 30), ['meanwhile', 'next']);
  await Promise.all([again.close(), other.close()]);
});

test('a copy whose checkpoint lags judges nothing twice', async (t) => {
  const broker = new MemoryBroker(1);
  const disk = new MemoryDisk();
  let log = await openOn(broker, disk);
  await note(log, 'notes/a', ['0', '1'], { expect: 'none' });
  await log.close();
  const file = disk.open(CHECKPOINT, 'read');
  const early = Buffer.alloc(file.sizeBytes());
  await file.read(early, 0);
  log = await openOn(broker, disk);
  const other = await openOn(broker, new MemoryDisk());
  await other.tail();
  // Only one of both can hold; judged once more, now that the stream is further, neither would.
  await Promise.allSettled([log, other].map((each) => note(each, 'notes/a', 'either', { expect: 1 })));
  await log.tail();
  await log.close();
  disk.open(CHECKPOINT, 'create').writeSync(early, 0);
  log = await openOn(broker, disk);
  t.deepEqual(await textsIn(log, 'notes/a'), ['0', '1', 'either']);
  t.is((await note(log, 'notes/a', '3', { expect: 2 })).revision, 3);
  await Promise.all([log.close(), other.close()]);
});

test('a copy that is damaged is made anew from the log, and the operator is told', async (t) => {
  const broker = new MemoryBroker(1);
  const disk = new MemoryDisk();
  const log = await openOn(broker, disk);
  for (let round = 0; round < 20; round++) await note(log, 'notes/a', String(round));
  const before = (await collect(log.read('notes/a'))).map((each) => JSON.stringify(each));
  await log.close();
  const path = `${DIRECTORY}/partition-0/0000000001.segment`;
  disk.open(path, 'update').writeSync(Buffer.alloc(64, 0xee), 6_000);
  const told: string[] = [];
  const again = await openOn(broker, disk, { logger: { warn: (_, message) => told.push(message) } });
  t.deepEqual(
    (await collect(again.read('notes/a'))).map((each) => JSON.stringify(each)),
    before,
  );
  t.is(told.length, 1);
  t.regex(told[0] ?? '', /damaged.*made anew/);
  await again.close();
});

test('what is not the log of the directory is refused', async (t) => {
  const broker = new MemoryBroker(1);
  const disk = new MemoryDisk();
  const log = await openOn(broker, disk);
  await note(log, 'notes/a', ['one', 'two']);
  await log.close();
  const message = /belongs to log [0-9a-f]{32}, not to [0-9a-f]{32}/;
  await t.throwsAsync(openOn(new MemoryBroker(1), disk), { name: 'Fault', code: 'corruption', message });

  broker.partitions[0]?.splice(1);
  const behind = await openOn(broker, disk, { appendDeadlineMs: 200 });
  disk.remove(CHECKPOINT);
  await behind.close();
  disk.remove(CHECKPOINT);
  const shorter = await openOn(broker, disk);
  await t.throwsAsync(shorter.tail(), { name: 'Fault', code: 'corruption', message: /from behind that/ });
  await shorter.close();

  const foreign = new MemoryBroker(1);
  foreign.write(0, [Buffer.from('somebody else keeps something here, and has for long')]);
  await t.throwsAsync(openOn(foreign, new MemoryDisk()), { name: 'Fault', code: 'corruption' });
});

test('a record that is damaged stops the log, and its owner is told once', async (t) => {
  const broker = new MemoryBroker(1);
  const told: unknown[] = [];
  const log = await openOn(broker, new MemoryDisk(), { onFault: (error) => told.push(error) });
  await note(log, 'notes/a', 'one');
  const damaged = Buffer.from(broker.partitions[0]?.[1]?.bytes ?? []);
  damaged[60] = (damaged[60] ?? 0) ^ 1;
  broker.write(0, [damaged]);
  await t.throwsAsync(log.tail(), { name: 'Fault', code: 'corruption' });
  await t.throwsAsync(note(log, 'notes/a', 'two'), { name: 'Fault', code: 'corruption' });
  t.is(told.length, 1);
  await log.close();
});

/** Time goes by in steps, and what is woken by one has its turns before the next. */
async function pass(clock: ManualClock, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs <= durationMs; passedMs += 100) {
    if (passedMs > 0) clock.advance(100);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test('while the broker is away appends wait, then fail; the copy can be read', async (t) => {
  const broker = new MemoryBroker(1);
  const clock = new ManualClock();
  const log = await openOn(broker, new MemoryDisk(), { clock });
  await note(log, 'notes/key/a', 'before');
  broker.isAway = true;
  const first = note(log, 'notes/key/a', 'first');
  await pass(clock, 0);
  const failing = [first, note(log, 'notes/key/b', 'second')].map((each) =>
    t.throwsAsync(each, { name: 'Fault' }),
  );
  await pass(clock, limits.orderedAppendMs + 1_000);
  const faults = await Promise.all(failing);
  for (const fault of faults) t.true(isFault(fault, 'log-unavailable') && fault.retryable);
  t.deepEqual((faults[0] as Fault).details, { outcome: 'unknown' });
  t.deepEqual((faults[1] as Fault).details, { outcome: 'not-written' });
  for await (const batch of log.follow({ from: [] })) {
    t.deepEqual(batch.map(textOf), ['before']);
    break;
  }
  await t.throwsAsync(log.tail(), { name: 'Fault', code: 'log-unavailable' });
  broker.isAway = false;
  broker.wakeAll();
  t.is((await note(log, 'notes/key/a', 'after')).revision, 1);
  t.deepEqual(await textsIn(log, 'notes/key/a'), ['before', 'after']);
  t.deepEqual(await textsIn(log, 'notes/key/b'), []);
  await log.close();
});

test('what waits is bounded: more is refused as busy', async (t) => {
  const broker = new MemoryBroker(1);
  const log = await openOn(broker, new MemoryDisk(), { appendDeadlineMs: 300 });
  broker.isAway = true;
  const large = Array.from({ length: 20 }, (_, at) => ({
    type: 'Large',
    payload: Buffer.alloc(4 << 20, at),
  }));
  const outcomes = await Promise.allSettled(
    large.map((event, at) => note(log, `notes/key/${at}`, '', { events: [event] })),
  );
  const codes = outcomes.map((each) => (each.status === 'rejected' ? (each.reason as Fault).code : 'taken'));
  t.deepEqual([...new Set(codes)].sort(), ['busy', 'log-unavailable']);
  await log.close();
});
