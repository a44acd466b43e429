// Owns the proof that a log survives what disks do: tails cut and corrupted at every byte, damage in the
// middle, sectors lost or torn by a loss of power, and a full disk. No acknowledged event is lost, no torn
// one returned.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { KIB } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { LOG_DIRECTORY, openLogOn } from '#tests/support/log-on-disk.ts';
import { event, followToTail, note, textOf, textsIn } from '../suite/support.ts';
import { SEGMENT_HEADER_BYTES } from './frame.ts';
import { verifyLog } from './verify.ts';

const FIRST = `${LOG_DIRECTORY}/0000000001.segment`;
const clock = new ManualClock();

const openOn = (disk: MemoryDisk, segmentBytes = 16 * KIB, seed = 1) =>
  openLogOn(disk, segmentBytes, seed, clock);

async function textsOn(disk: MemoryDisk): Promise<string[]> {
  const log = await openOn(disk);
  const texts = (await followToTail(log)).map(textOf);
  await log.close();
  return texts;
}

interface Written {
  /** The segment as it is found after a crash. */
  readonly image: Buffer;
  readonly texts: readonly string[];
  /** Where the frame of each event begins, and where the last one ends. */
  readonly borders: readonly number[];
}

/** One frame an event, the log left open as by a crash. */
async function writeSome(count: number): Promise<Written> {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  const borders = [SEGMENT_HEADER_BYTES];
  const texts: string[] = [];
  for (let at = 0; at < count; at++) {
    texts.push(`event ${at}`);
    await note(log, `notes/key/${at % 3}`, `event ${at}`);
    borders.push(log.sizeBytes);
  }
  return { image: disk.bytesOf(FIRST), texts, borders };
}

function diskOf(image: Buffer): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(FIRST, image);
  return disk;
}

async function assertLogIs(t: ExecutionContext, disk: MemoryDisk, texts: readonly string[], what: string) {
  const found = await textsOn(disk);
  if (found.join() !== texts.join()) t.fail(`${what}: ${found.length} events, expected ${texts.length}`);
}

test('a tail cut at any byte keeps every event that is whole, and the log goes on behind it', async (t) => {
  const { image, texts, borders } = await writeSome(12);
  const from = borders[8] as number;
  const to = borders[12] as number;
  for (let cut = from; cut <= to; cut++) {
    const whole = borders.filter((border) => border <= cut).length - 1;
    const short = diskOf(image.subarray(0, cut));
    await assertLogIs(t, short, texts.slice(0, whole), `cut at ${cut}`);
    const zeroed = Buffer.from(image);
    zeroed.fill(0, cut);
    const disk = diskOf(zeroed);
    // A frame may end in zeros itself.
    const left = borders.findLastIndex((border) => zeroed.compare(image, 0, border, 0, border) === 0);
    await assertLogIs(t, disk, texts.slice(0, left), `zeros from ${cut}`);
    if (
      disk
        .bytesOf(FIRST)
        .subarray(borders[left])
        .some((byte) => byte !== 0)
    ) {
      return t.fail(`cut at ${cut}: bytes are left behind the end`);
    }
    if (cut % 16 !== 0) continue;
    const log = await openOn(disk);
    t.is((await note(log, 'notes/key/more', 'more')).position.offset, left);
    await log.close();
    await assertLogIs(t, disk, [...texts.slice(0, left), 'more'], `goes on from ${cut}`);
    await t.notThrowsAsync(verifyLog({ directory: LOG_DIRECTORY, disk }));
  }
  return t.pass();
});

test('a byte that is wrong in the last frame cuts it, and before it is refused with its place', async (t) => {
  const { image, texts, borders } = await writeSome(12);
  const last = borders[11] as number;
  for (let at = borders[9] as number; at < (borders[12] as number); at++) {
    const damaged = Buffer.from(image);
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    if (at >= last) {
      await assertLogIs(t, diskOf(damaged), texts.slice(0, 11), `damage at ${at}`);
      continue;
    }
    const error = await openOn(diskOf(damaged)).catch((thrown: unknown) => thrown);
    if (!isFault(error, 'corruption')) return t.fail(`damage at ${at} was not refused`);
    const frame = borders.filter((border) => border <= at).length - 1;
    t.deepEqual(error.details, { file: FIRST, position: borders[frame], offset: frame });
    t.true(error.message.includes(FIRST) && error.message.includes(String(borders[frame])));
  }
  return t.pass();
});

test('after an orderly close a lost or damaged last frame is refused, not cut', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  for (let at = 0; at < 5; at++) await note(log, 'notes/a', `${at}`);
  const border = log.sizeBytes;
  await log.close();
  const image = disk.bytesOf(FIRST);
  for (const damage of [image.fill(0, border - 1, border), image.fill(0, border - 100, border)]) {
    disk.put(FIRST, damage);
    const fault = (await t.throwsAsync(openOn(disk), { name: 'Fault', code: 'corruption' })) as Fault;
    t.is((fault.details as { offset: number }).offset, 4);
  }
});

test('damage in an older segment is refused by verification and by readers, with its place', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  for (let at = 0; at < 200; at++) await note(log, 'notes/a', `${at} ${'x'.repeat(300)}`);
  await log.close();
  const { events, segments, lastHash } = await verifyLog({ directory: LOG_DIRECTORY, disk });
  t.is(events, 200);
  t.true(segments > 3);
  t.regex(lastHash, /^[0-9a-f]{64}$/);
  const image = disk.bytesOf(FIRST);
  image[6_000] = (image[6_000] as number) ^ 1;
  disk.put(FIRST, image);
  const damaged = await openOn(disk);
  const where = { name: 'Fault', code: 'corruption', message: /0000000001\.segment is damaged at byte \d+/ };
  await t.throwsAsync(verifyLog({ directory: LOG_DIRECTORY, disk }), where);
  await t.throwsAsync(followToTail(damaged), where);
  await t.throwsAsync(textsIn(damaged, 'notes/a'), { name: 'Fault', code: 'corruption' });
  t.is((await note(damaged, 'notes/a', 'goes on')).revision, 200);
  await damaged.close();
});

test('a frame that was exchanged for another sound one breaks the hash chain', async (t) => {
  const one = new MemoryDisk();
  const other = new MemoryDisk();
  let firstBytes = 0;
  for (const [disk, text] of [
    [one, 'paid'],
    [other, 'owed'],
  ] as const) {
    const log = await openOn(disk);
    await note(log, 'notes/a', text);
    firstBytes = log.sizeBytes - SEGMENT_HEADER_BYTES;
    await note(log, 'notes/a', 'same');
    await log.close();
  }
  // The same seed gives both the same markers; so each frame is sound by itself.
  const forged = one.bytesOf(FIRST);
  const end = SEGMENT_HEADER_BYTES + firstBytes;
  other.bytesOf(FIRST).copy(forged, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES, end);
  one.put(FIRST, forged);
  await t.throwsAsync(verifyLog({ directory: LOG_DIRECTORY, disk: one }), {
    code: 'corruption',
    message: /hash chain/,
  });
});

test('a missing segment is refused', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  for (let at = 0; at < 200; at++) await note(log, 'notes/a', `${at} ${'x'.repeat(300)}`);
  await log.close();
  disk.remove(`${LOG_DIRECTORY}/0000000002.segment`);
  await t.throwsAsync(openOn(disk), { code: 'corruption', message: /expected segment 2/ });
});

test('whatever sectors a loss of power tears, what was acknowledged is there, and no more', async (t) => {
  const scenario = fc.record({
    seed: fc.integer(),
    callers: fc.integer({ min: 1, max: 24 }),
    crashes: fc.nat(3),
  });
  const property = fc.asyncProperty(scenario, async ({ seed, callers, crashes }) => {
    const random = seededRandom(seed);
    let disk = new MemoryDisk();
    const proposed = new Set<string>();
    const acknowledged = new Map<string, number>();
    for (let crash = 0; crash <= crashes; crash++) {
      disk = await runUntilCrash(disk, callers, random, proposed, acknowledged, crash);
      const log = await openOn(disk, 12 * KIB, crash + 2);
      const found = await followToTail(log);
      const texts = found.map(textOf);
      for (const [text, offset] of acknowledged) t.is(texts[offset], text);
      if (new Set(texts).size !== texts.length) t.fail('an event came twice');
      if (!texts.every((text) => proposed.has(text))) t.fail('an event was invented');
      for (let stream = 0; stream < 5; stream++) {
        const expected = found.filter((each) => each.stream === `notes/${stream}`).map(textOf);
        t.deepEqual(await textsIn(log, `notes/${stream}`), expected);
      }
      await log.close();
      t.is((await verifyLog({ directory: LOG_DIRECTORY, disk })).events, texts.length);
    }
  });
  await fc.assert(property, { numRuns: 30 });
});

/** Appends from many callers, and cuts the power at a random moment. */
async function runUntilCrash(
  disk: MemoryDisk,
  callers: number,
  random: ReturnType<typeof seededRandom>,
  proposed: Set<string>,
  acknowledged: Map<string, number>,
  run: number,
): Promise<MemoryDisk> {
  const log = await openOn(disk, 12 * KIB, run + 100);
  let crashed: MemoryDisk | undefined;
  let left = 5 + Math.floor(random.next() * 150);
  const call = async (caller: number) => {
    for (let round = 0; !crashed; round++) {
      const text = `${run} ${caller} ${round} ${'x'.repeat(random.next() * 400)}`;
      proposed.add(text);
      const { position } = await note(log, `notes/${Math.floor(random.next() * 5)}`, text);
      if (crashed) return;
      acknowledged.set(text, position.offset);
      if (--left <= 0) crashed = disk.crashed(random);
      // Power fails also between a write and its sync.
      else if (random.next() < 0.01) setImmediate(() => (crashed ??= disk.crashed(random)));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  await log.close();
  return crashed as MemoryDisk;
}

test('on a full disk appends are refused, reading goes on, and with space appending too', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk, 8 * KIB);
  const written: string[] = [];
  disk.freeBytes = 20 * KIB;
  let refused = 0;
  for (let at = 0; at < 60; at++) {
    const appending = ['a', 'b', 'c'].map((name) =>
      note(log, `notes/${name}`, `${at} ${name} ${'x'.repeat(200)}`),
    );
    // The second of a stream builds on the first, so it must not outlive it.
    appending.push(note(log, 'notes/a', `${at} again`));
    for (const outcome of await Promise.allSettled(appending)) {
      if (outcome.status === 'fulfilled') written.push(String(outcome.value.position.offset));
      else if (isFault(outcome.reason, 'no-space')) refused++;
      else t.fail(String(outcome.reason));
    }
  }
  t.true(refused > 0);
  t.true(written.length > 0);
  t.deepEqual(
    (await followToTail(log)).map((each) => String(each.position.offset)),
    written,
  );
  t.is((await textsIn(log, 'notes/a')).length, written.length / 2);
  disk.freeBytes = Number.POSITIVE_INFINITY;
  const { position } = await note(log, 'notes/b', 'after', { expect: written.length / 4 - 1 });
  t.is(position.offset, written.length);
  await log.close();
  t.is((await verifyLog({ directory: LOG_DIRECTORY, disk })).events, written.length + 1);
});

test('a disk that is full when a frame begins in the last bytes of a segment refuses that', async (t) => {
  for (const leftBytes of [1, 8, 40, 71]) {
    const disk = new MemoryDisk();
    const log = await openOn(disk, 8 * KIB);
    const before = log.sizeBytes;
    await note(log, 'notes/a', '');
    const noteBytes = log.sizeBytes - before;
    await note(log, 'notes/a', 'x'.repeat(8 * KIB - leftBytes - log.sizeBytes - noteBytes));
    // Records are padded, so the border is met within some bytes.
    t.true(log.sizeBytes < 8 * KIB && log.sizeBytes > 8 * KIB - 80);
    const { freeBytes } = disk;
    disk.freeBytes = 0;
    await t.throwsAsync(note(log, 'notes/a', 'full'), { name: 'Fault', code: 'no-space' });
    disk.freeBytes = freeBytes;
    await note(log, 'notes/a', 'after');
    t.is((await textsIn(log, 'notes/a')).at(-1), 'after');
    await log.close();
    t.is((await verifyLog({ directory: LOG_DIRECTORY, disk })).events, 3);
  }
});

test('a frame that was refused for want of space is not found later, and the log goes on', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await note(log, 'notes/a', 'one');
  disk.syncErrors.push(new Fault('no-space', 'no space left'));
  await t.throwsAsync(note(log, 'notes/a', 'two'), { name: 'Fault', code: 'no-space' });
  t.deepEqual(await textsOn(diskOf(disk.bytesOf(FIRST))), ['one']);
  t.is((await note(log, 'notes/a', 'three', { expect: 0 })).revision, 1);
  t.deepEqual(await textsOn(diskOf(disk.bytesOf(FIRST))), ['one', 'three']);
  await log.close();
});

test('a sync that fails stops the log, and a restart finds what was acknowledged', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await note(log, 'notes/a', 'one');
  disk.syncErrors.push(Object.assign(new Error('EIO'), { code: 'EIO' }));
  await t.throwsAsync(note(log, 'notes/a', 'two'), { name: 'Fault', code: 'closed' });
  await t.throwsAsync(note(log, 'notes/a', 'three'), { name: 'Fault', code: 'closed' });
  t.deepEqual(await textsIn(log, 'notes/a'), ['one']);
  await log.close();
  const again = await openOn(disk);
  // What failed was not acknowledged, yet it may have reached the disk.
  t.is((await textsIn(again, 'notes/a'))[0], 'one');
  await again.close();
});

test('an append that waits is bounded', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  const payload = Buffer.alloc(2 ** 20);
  const appending = Array.from({ length: 80 }, (_, at) =>
    log.append({
      stream: `notes/${at}`,
      events: [{ ...event(''), payload }],
      expect: 'none',
      actor: { user: 'ada', project: 'p', requestId: 'r' },
    }),
  );
  const outcomes = await Promise.allSettled(appending);
  const busy = outcomes.filter((outcome) => outcome.status === 'rejected' && isFault(outcome.reason, 'busy'));
  t.is(busy.length, 80 - 64);
  t.is((await log.tail())[0], 64);
  await log.close();
});
