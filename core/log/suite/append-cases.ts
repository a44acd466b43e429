// Owns the cases of appending and reading one stream: revisions, atomicity, envelopes, sizes and names.

import type { TestFn } from 'ava';
import { Bug } from '#core/kernel/assert.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import type { AppendRequest } from '../event-log.ts';
import {
  ACTOR,
  collect,
  type EventLogFactory,
  event,
  followCount,
  logTest,
  note,
  textOf,
  textsIn,
} from './support.ts';

export function appendCases(test: TestFn, factory: EventLogFactory): void {
  revisionCases(test, factory);
  envelopeCases(test, factory);
  payloadCases(test, factory);
  namesCase(test, factory);
  limitsCase(test, factory);
}

function revisionCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'revisions of a stream begin at 0 and rise by one', async (t, log) => {
    t.is((await note(log, 'notes/a', 'one')).revision, 0);
    t.is((await note(log, 'notes/a', 'two')).revision, 1);
    t.is((await note(log, 'notes/a/b', 'other')).revision, 0);
    t.is((await note(log, 'notes/a', ['three', 'four'])).revision, 3);
    const events = await collect(log.read('notes/a'));
    t.deepEqual(
      events.map((each) => [each.revision, textOf(each)]),
      [
        [0, 'one'],
        [1, 'two'],
        [2, 'three'],
        [3, 'four'],
      ],
    );
  });

  logTest(test, factory, 'a stream can be read from any revision', async (t, log) => {
    for (const text of ['a', 'b', 'c', 'd']) await note(log, 'notes/a', text);
    t.deepEqual(await textsIn(log, 'notes/a', 0), ['a', 'b', 'c', 'd']);
    t.deepEqual(await textsIn(log, 'notes/a', 2), ['c', 'd']);
    t.deepEqual(await textsIn(log, 'notes/a', 3), ['d']);
    t.deepEqual(await textsIn(log, 'notes/a', 4), []);
    t.deepEqual(await textsIn(log, 'notes/unknown'), []);
  });

  logTest(test, factory, 'a reader may stop half way', async (t, log) => {
    await note(log, 'notes/a', ['a', 'b', 'c']);
    for await (const first of log.read('notes/a')) {
      t.is(textOf(first), 'a');
      break;
    }
    t.is((await note(log, 'notes/a', 'd')).revision, 3);
  });

  logTest(test, factory, 'the events of one append stand side by side', async (t, log) => {
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 10; round++) {
        await note(log, `notes/key/${writer}`, ['1', '2', '3']);
      }
    });
    await Promise.all(writers);
    const all = await followCount(log, 240);
    for (let at = 0; at < all.length; at += 3) {
      const three = all.slice(at, at + 3);
      t.is(new Set(three.map((each) => each.stream)).size, 1);
      t.deepEqual(three.map(textOf), ['1', '2', '3']);
    }
  });
}

function envelopeCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'an event comes back with its whole envelope', async (t, log) => {
    const actor = { user: 'gräfin', project: 'проект', requestId: 'request-77' };
    const payload = Uint8Array.from({ length: 256 }, (_, at) => at);
    const appended = await log.append({
      stream: 'notes/a',
      events: [{ type: 'Noted', payload }],
      expect: 'none',
      actor,
      correlationId: 'the-first',
      causationId: 'the-one-before',
    });
    const [recorded] = await collect(log.read('notes/a'));
    t.truthy(recorded);
    if (!recorded) return;
    t.regex(recorded.id, /^[0-9a-f]{32}$/);
    t.is(recorded.stream, 'notes/a');
    t.is(recorded.type, 'Noted');
    t.deepEqual({ ...recorded.actor }, actor);
    t.is(recorded.correlationId, 'the-first');
    t.is(recorded.causationId, 'the-one-before');
    t.deepEqual([...recorded.payload], [...payload]);
    t.deepEqual({ ...recorded.position }, { ...appended.position });
    t.is(recorded.timeMs, appended.timeMs);
  });

  logTest(test, factory, 'without other origin an event was caused by its request', async (t, log) => {
    await note(log, 'notes/a', 'one');
    const [recorded] = await collect(log.read('notes/a'));
    t.is(recorded?.correlationId, ACTOR.requestId);
    t.is(recorded?.causationId, ACTOR.requestId);
  });

  logTest(test, factory, 'every event has an id of its own', async (t, log) => {
    await note(
      log,
      'notes/a',
      Array.from({ length: 100 }, (_, at) => `${at}`),
    );
    await note(
      log,
      'notes/b',
      Array.from({ length: 100 }, (_, at) => `${at}`),
    );
    const ids = [...(await collect(log.read('notes/a'))), ...(await collect(log.read('notes/b')))];
    t.is(new Set(ids.map((each) => each.id)).size, 200);
  });
}

function payloadCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'payloads may be empty and may be as large as the limit', async (t, log) => {
    const large = Buffer.alloc(limits.eventPayloadBytes);
    for (let at = 0; at < large.length; at += 4) large.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    await log.append({
      stream: 'notes/a',
      events: [event(''), { type: 'Large', payload: large }, event('end')],
      expect: 'none',
      actor: ACTOR,
    });
    for (const events of [await collect(log.read('notes/a')), await followCount(log, 3)]) {
      t.deepEqual(
        events.map((each) => each.payload.length),
        [0, large.length, 3],
      );
      t.true(large.equals(events[1]?.payload ?? Buffer.alloc(0)));
    }
  });

  logTest(test, factory, 'large appends from many callers all arrive whole', async (t, log) => {
    const payloads = Array.from({ length: 24 }, (_, at) => Buffer.alloc(MIB / 2 + at, at + 1));
    await Promise.all(
      payloads.map((payload, at) =>
        log.append({
          stream: `notes/${at}`,
          events: [{ type: 'Large', payload }],
          expect: 'none',
          actor: ACTOR,
        }),
      ),
    );
    for (const [at, payload] of payloads.entries()) {
      const [recorded] = await collect(log.read(`notes/${at}`));
      t.true(payload.equals(recorded?.payload ?? Buffer.alloc(0)));
    }
  });

  logTest(test, factory, 'a kept event does not change when the log goes on', async (t, log) => {
    const payload = Buffer.from('as it was');
    await log.append({
      stream: 'notes/a',
      events: [{ type: 'Noted', payload }],
      expect: 'none',
      actor: ACTOR,
    });
    const [followed] = await followCount(log, 1);
    const [read] = await collect(log.read('notes/a'));
    payload.fill(0);
    for (let round = 0; round < 50; round++) await note(log, `notes/${round}`, 'x'.repeat(1000));
    t.is(textOf(followed ?? event('')), 'as it was');
    t.is(textOf(read ?? event('')), 'as it was');
    t.is(read?.stream, 'notes/a');
  });
}

function namesCase(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'stream names may be odd', async (t, log) => {
    const prefix = 'notes/key/';
    const names = [
      'a/b//c/',
      'leading and trailing ',
      '\u0000\n\r\t"\\',
      'Ünïcödé/日本語/🚀',
      'é',
      'e\u0301',
      '\u{10ffff}\ufffe',
      '../../etc/passwd',
      '%2F+%20',
      'x'.repeat(limits.streamNameBytes - prefix.length),
      '語'.repeat(Math.floor((limits.streamNameBytes - prefix.length) / 3)),
    ].map((rest) => prefix + rest);
    for (const name of names) {
      t.is((await note(log, name, name, { expect: 'none' })).revision, 0);
    }
    for (const name of names) {
      t.is((await note(log, name, 'again', { expect: 0 })).revision, 1);
      t.deepEqual(await textsIn(log, name), [name, 'again']);
    }
    const followed = await followCount(log, names.length * 2);
    t.deepEqual(
      followed.map((each) => each.stream),
      [...names, ...names],
    );
  });
}

function limitsCase(test: TestFn, factory: EventLogFactory): void {
  logTest(
    test,
    factory,
    'what passes a limit is refused, says which, and leaves no trace',
    async (t, log) => {
      const many = Array.from({ length: limits.eventsPerAppend + 1 }, () => event('x'));
      const guards = Array.from({ length: limits.guardsPerAppend + 1 }, () => {
        return { stream: 'notes/b', revision: 'none' as const };
      });
      const text = 'x'.repeat(limits.eventTextBytes + 1);
      const refused: [Partial<AppendRequest>, string][] = [
        [{ events: [] }, 'no events'],
        [{ events: many }, `${limits.eventsPerAppend}`],
        [{ alsoAt: guards }, `${limits.guardsPerAppend}`],
        [
          { events: [{ type: 'Noted', payload: Buffer.alloc(limits.eventPayloadBytes + 1) }] },
          `${limits.eventPayloadBytes}`,
        ],
        [{ events: [event('x', '')] }, 'type'],
        [{ events: [event('x', text)] }, `${limits.eventTextBytes}`],
        [{ actor: { ...ACTOR, user: text } }, `${limits.eventTextBytes}`],
        [{ actor: { ...ACTOR, requestId: text } }, `${limits.eventTextBytes}`],
        [{ correlationId: text }, `${limits.eventTextBytes}`],
        [{ stream: `notes/${'x'.repeat(limits.streamNameBytes)}` }, `${limits.streamNameBytes}`],
        [{ stream: `notes/${'é'.repeat(limits.streamNameBytes / 2)}` }, `${limits.streamNameBytes}`],
        [{ stream: 'notes' }, 'partition key'],
        [{ stream: '/key' }, 'family'],
        [{ stream: 'notes/\ud800' }, 'surrogate'],
      ];
      for (const [change, words] of refused) {
        const error = await t.throwsAsync(note(log, 'notes/a', 'x', change), { instanceOf: Bug });
        t.true(error?.message.includes(words), `${error?.message} says ${words}`);
      }
      const whole = Array.from({ length: limits.eventsPerAppend }, (_, at) => event(`${at}`));
      const last = await note(log, 'notes/a', '', { events: whole, expect: 'none' });
      t.is(last.revision, limits.eventsPerAppend - 1);
      t.is((await followCount(log, limits.eventsPerAppend)).length, limits.eventsPerAppend);
    },
  );
}
