// Owns the proof that several processes on one ordered log agree: random guarded appends, proposed at once
// to a broker that loses, repeats and delays, come out as one history, the same in each of them and in a
// plain model of the port; and what each proposer was told of its append is true.

import test from 'ava';
import fc from 'fast-check';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { type Hostility, MemoryBroker } from '#tests/support/memory-broker.ts';
import type { Appended, AppendRequest, EventLog, Expectation, RecordedEvent } from '../event-log.ts';
import { ACTOR, collect, event, followToTail, textOf } from '../suite/support.ts';
import { GuardedLog } from './guarded-log.ts';

/** What waits for another attempt waits less. */
const hasty: Clock = { ...systemClock, sleep: (delayMs, signal) => systemClock.sleep(delayMs / 50, signal) };
const STREAMS = ['notes/key/0', 'notes/key/1', 'notes/key/2'];
const LOGS = 3;

interface Step {
  readonly log: number;
  readonly stream: number;
  readonly events: number;
  readonly expect: 'any' | 'as-seen' | 'behind';
  readonly guard: number | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  log: fc.nat(LOGS - 1),
  stream: fc.nat(STREAMS.length - 1),
  events: fc.integer({ min: 1, max: 3 }),
  expect: fc.constantFrom('any', 'as-seen', 'as-seen', 'behind'),
  guard: fc.option(fc.nat(STREAMS.length - 1), { nil: undefined }),
});

function hostile(seed: number): Hostility {
  const chances = { lost: 0.1, unknown: 0.1, torn: 0.1, repeated: 0.3, late: 0.1, gap: 0.2 };
  return { random: seededRandom(seed), ...chances };
}

function openOn(broker: MemoryBroker, disk: MemoryDisk, seed: number, window?: number): Promise<GuardedLog> {
  return GuardedLog.open({
    ...{ ordered: broker.connect(), directory: '/log', disk, clock: hasty },
    ...{ random: seededRandom(seed), logger: { warn: () => {} }, segmentBytes: 64 * 1024 },
    lock: () => ({ release: () => {} }),
    ...(window !== undefined && { window }),
  });
}

/** Last revisions as this log's own copy has them, which may be behind. */
class Seen {
  readonly #revisions = new Map<string, number>();

  note(stream: string, revision: number): void {
    this.#revisions.set(stream, Math.max(revision, this.#revisions.get(stream) ?? -1));
  }

  of(stream: string): number | 'none' {
    return this.#revisions.get(stream) ?? 'none';
  }
}

function requestOf(step: Step, number: number, seen: Seen): AppendRequest {
  const stream = STREAMS[step.stream] as string;
  const texts = Array.from({ length: step.events }, (_, at) => event(`${number} ${at}`));
  const at = seen.of(stream);
  let expect: Expectation = 'any';
  if (step.expect === 'as-seen') expect = at;
  if (step.expect === 'behind') expect = at === 'none' || at === 0 ? 'none' : at - 1;
  const guard = step.guard === undefined ? undefined : (STREAMS[step.guard] as string);
  const alsoAt = guard === undefined ? [] : [{ stream: guard, revision: seen.of(guard) }];
  return { stream, events: texts, expect, alsoAt, actor: ACTOR };
}

interface Told {
  readonly request: AppendRequest;
  readonly appended: Appended | undefined;
}

async function race(
  logs: readonly EventLog[],
  steps: readonly Step[],
  seen: readonly Seen[],
): Promise<Told[]> {
  const lanes = logs.map(async (log, lane) => {
    const told: Told[] = [];
    for (const [number, step] of steps.entries()) {
      if (step.log !== lane) continue;
      const mine = seen[lane] as Seen;
      const request = requestOf(step, number, mine);
      try {
        const appended = await log.append(request);
        mine.note(request.stream, appended.revision);
        told.push({ request, appended });
      } catch (error) {
        if (!isFault(error, 'conflict')) throw error;
        const { stream, actual } = error.details as { stream: string; actual: number | 'none' };
        if (actual !== 'none') mine.note(stream, actual);
        told.push({ request, appended: undefined });
      }
    }
    return told;
  });
  return (await Promise.all(lanes)).flat();
}

/** Goes through the history with a plain model; each append must stand whole, once, where its guards held. */
function complaintOf(history: readonly RecordedEvent[], told: readonly Told[]): string | undefined {
  const requests = new Map(told.map((each) => [textOf(each.request.events[0] ?? event('')), each]));
  const revisions = new Map<string, number>();
  const met = new Set<string>();
  for (let at = 0; at < history.length; ) {
    const first = history[at] as RecordedEvent;
    const name = textOf(first);
    const { request, appended } = requests.get(name) ?? {};
    if (!request) return `${name}: nobody appended that here`;
    if (!appended) return `${name} stands, and its proposer was told of a conflict`;
    if (met.has(name)) return `${name} stands twice`;
    met.add(name);
    for (const { stream, revision } of [
      { stream: request.stream, revision: request.expect },
      ...(request.alsoAt ?? []),
    ]) {
      const actual = revisions.get(stream) ?? 'none';
      if (revision !== 'any' && revision !== actual)
        return `${name}: ${stream} is at ${actual}, not ${revision}`;
    }
    for (const wanted of request.events) {
      const actual = history[at++];
      const revision = (revisions.get(request.stream) ?? -1) + 1;
      if (!actual || textOf(actual) !== textOf(wanted)) return `${name} does not stand whole`;
      if (actual.revision !== revision) return `${name}: revision ${actual.revision}, not ${revision}`;
      if (actual.position.offset !== at - 1)
        return `${name}: offset ${actual.position.offset}, not ${at - 1}`;
      revisions.set(request.stream, revision);
    }
    if (appended.position.offset !== at - 1) return `${name}: told of another position`;
  }
  const lost = told.find(
    ({ request, appended }) => appended && !met.has(textOf(request.events[0] ?? event(''))),
  );
  return lost && `${textOf(lost.request.events[0] ?? event(''))} was acknowledged and is lost`;
}

const identityOf = (events: readonly RecordedEvent[]) =>
  events.map(({ id, stream, revision, position, timeMs }) => ({ id, stream, revision, position, timeMs }));

test('racing logs agree on one history, and it is the one that was promised', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.nat(), async (steps, seed) => {
      const broker = new MemoryBroker(1, hostile(seed));
      const disks = Array.from({ length: LOGS }, () => new MemoryDisk());
      const open = (at: number) => openOn(broker, disks[at] as MemoryDisk, seed * 10 + at);
      const logs = await Promise.all(disks.map((_, at) => open(at)));
      const told = await race(
        logs,
        steps,
        logs.map(() => new Seen()),
      );
      const histories = await Promise.all(logs.map((log) => followToTail(log)));
      // One that starts again, and one that has lost its copy.
      await logs[0]?.close();
      const again = await open(0);
      const fresh = await openOn(broker, new MemoryDisk(), seed + 7);
      histories.push(await followToTail(again), await followToTail(fresh));
      for (const log of [again, fresh, ...logs.slice(1)]) await log.close();
      for (const history of histories) {
        t.deepEqual(identityOf(history), identityOf(histories[0] ?? []));
      }
      t.is(complaintOf(histories[0] ?? [], told), undefined);
    }),
    { numRuns: 40 },
  );
});

test('a tiny window makes proposals stale, and they are proposed again until they stand once', async (t) => {
  const broker = new MemoryBroker(1, { ...hostile(5), gap: 0.5 });
  const logs = await Promise.all([1, 2, 3].map((seed) => openOn(broker, new MemoryDisk(), seed, 8)));
  const append = async (log: GuardedLog, lane: number) => {
    for (let round = 0; round < 40; round++) {
      const events = [event(`${lane} ${round}`)];
      await log.append({ stream: `notes/key/${lane}`, events, expect: 'any', actor: ACTOR });
    }
  };
  await Promise.all(logs.map(append));
  for (const log of logs) {
    await log.tail();
    for (const lane of logs.keys()) {
      const texts = (await collect(log.read(`notes/key/${lane}`))).map(textOf);
      t.deepEqual(
        texts,
        Array.from({ length: 40 }, (_, round) => `${lane} ${round}`),
      );
    }
    await log.close();
  }
});
