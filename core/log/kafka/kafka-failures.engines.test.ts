// Owns the proof of what the log on Kafka promises when brokers fail: three brokers, three replicas, two
// logs under load. Through a broker killed and restarted, a leader replaced while it was stopped, and all
// brokers away, nothing that was acknowledged is lost, nothing stands twice, a strong read misses nothing,
// and appends go on within ten seconds of when Kafka can take them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { type Fault, isFault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { type EventLog, isBefore } from '../event-log.ts';
import { collect, note, textOf } from '../suite/support.ts';
import { openKafkaLog } from './kafka-log.ts';

const RECOVERY_MS = 10_000;
const WRITERS = 8;
let server: KafkaServer;
let topic: string;
let directories: string[] = [];
let logs: EventLog[] = [];

test.before(async (t) => {
  t.timeout(180_000);
  server = await KafkaServer.start(3);
  t.log(`${KAFKA}: three brokers`);
});

test.after.always(() => server?.stop());

const now = () => systemClock.monotonicMs();

async function openLog(appendDeadlineMs: number): Promise<EventLog> {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  directories.push(directory);
  const log = await openKafkaLog({
    ...{ address: server.address(topic), directory, clock: systemClock, random: systemRandom },
    ...{ logger: { warn: () => {} }, partitions: 2, appendDeadlineMs },
  });
  logs.push(log);
  return log;
}

test.beforeEach(() => {
  topic = `log-${newId(systemRandom)}`;
});

test.afterEach.always(async () => {
  await Promise.all(logs.map((log) => log.close()));
  for (const directory of directories) rmSync(directory, { recursive: true });
  [directories, logs] = [[], []];
});

/** Writers that each count up on a stream of their own, through whatever happens. */
class Load {
  /** Of each stream the last number that was acknowledged. */
  readonly acknowledged = new Map<string, number>();
  readonly faults: Fault[] = [];
  readonly #t: ExecutionContext;
  readonly #logs: readonly EventLog[];
  readonly #done: Promise<unknown>;
  #isOver = false;
  lastMs = now();
  longestGapMs = 0;

  constructor(t: ExecutionContext, logsUnderLoad: readonly EventLog[]) {
    this.#t = t;
    this.#logs = logsUnderLoad;
    this.#done = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
  }

  /** Resolves when something was acknowledged that was begun after the call. */
  async untilGoesOn(): Promise<number> {
    const beganMs = now();
    const stream = `notes/probe-${newId(systemRandom)}`;
    for (;;) {
      const outcome = await note(this.#logs[0] as EventLog, stream, 'probe').catch((error: unknown) => error);
      if (!isFault(outcome)) return now() - beganMs;
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #write(writer: number): Promise<void> {
    const log = this.#logs[writer % this.#logs.length] as EventLog;
    const other = this.#logs[(writer + 1) % this.#logs.length] as EventLog;
    const stream = `notes/key-${writer}/counter`;
    for (let number = 0; !this.#isOver; ) {
      try {
        const { position } = await note(log, stream, String(number), {
          expect: number === 0 ? 'none' : number - 1,
        });
        this.acknowledged.set(stream, number++);
        this.longestGapMs = Math.max(this.longestGapMs, now() - this.lastMs);
        this.lastMs = now();
        const tail = await other.tail().catch(() => undefined);
        if (tail && !isBefore(position, tail)) this.#t.fail(`${stream} ${number - 1} lies behind the tail`);
      } catch (error) {
        if (!isFault(error)) throw error;
        this.faults.push(error);
        number = await this.#learn(log, stream, number);
      }
    }
  }

  /** What could not be known at the time: whether the append came to stand. */
  async #learn(log: EventLog, stream: string, number: number): Promise<number> {
    try {
      return (await collect(log.read(stream))).length;
    } catch (error) {
      if (!isFault(error, 'log-unavailable')) throw error;
      return number;
    }
  }
}

/** Each stream counts up without gap in every copy, the new one too, and has all that was acknowledged. */
async function check(t: ExecutionContext, load: Load): Promise<void> {
  const copies = [...logs, await openLog(30_000)];
  for (const [stream, last] of load.acknowledged) {
    for (const log of copies) {
      const numbers = (await collect(log.read(stream))).map((each) => Number(textOf(each)));
      t.is(
        numbers.findIndex((number, at) => number !== at),
        -1,
        `${stream} counts without gap`,
      );
      t.true(numbers.length > last, `${stream} has ${numbers.length}, and ${last} was acknowledged`);
    }
  }
}

test.serial('a broker that is killed and restarted under load loses nothing', async (t) => {
  t.timeout(240_000);
  const load = new Load(t, [await openLog(20_000), await openLog(20_000)]);
  await load.untilGoesOn();
  const leader = await server.leaderOf(topic, 0);
  load.longestGapMs = 0;
  await server.killBroker(leader);
  await server.untilLeaderIsNot(leader, topic, 0);
  const recoveredMs = await load.untilGoesOn();
  t.log(`appends went on ${Math.round(recoveredMs)} ms after another led`);
  t.true(recoveredMs < RECOVERY_MS);
  await systemClock.sleep(3_000);
  server.startBroker(leader);
  await server.untilBrokers(3);
  await systemClock.sleep(3_000);
  await load.end();
  t.log(`longest gap ${Math.round(load.longestGapMs)} ms, ${load.faults.length} appends failed`);
  await check(t, load);
});

test.serial('a leader that was replaced while it was stopped is not believed when it goes on', async (t) => {
  t.timeout(240_000);
  const load = new Load(t, [await openLog(20_000), await openLog(20_000)]);
  await load.untilGoesOn();
  for (let round = 0; round < 2; round++) {
    const leader = await server.leaderOf(topic, round);
    server.pause(leader);
    await server.untilLeaderIsNot(leader, topic, round);
    const recoveredMs = await load.untilGoesOn();
    t.log(`appends went on ${Math.round(recoveredMs)} ms after another led`);
    t.true(recoveredMs < RECOVERY_MS);
    // The one that led is met again while appends are acknowledged without it.
    server.resume(leader);
    await systemClock.sleep(4_000);
  }
  await load.end();
  t.log(`longest gap ${Math.round(load.longestGapMs)} ms`);
  await check(t, load);
});

test.serial('without any broker appends wait for their deadline and fail; then they go on', async (t) => {
  t.timeout(240_000);
  const deadlineMs = 4_000;
  const log = await openLog(deadlineMs);
  const load = new Load(t, [log, await openLog(deadlineMs)]);
  await load.untilGoesOn();
  for (const broker of [0, 1, 2]) server.pause(broker);
  const beganMs = now();
  const fault = await t.throwsAsync(note(log, 'notes/away', 'while away'), { name: 'Fault' });
  const waitedMs = now() - beganMs;
  t.true(isFault(fault, 'log-unavailable'));
  t.true(waitedMs >= deadlineMs - 100 && waitedMs < deadlineMs + 2_000, `waited ${waitedMs} ms`);
  await t.throwsAsync(log.tail(), { name: 'Fault', code: 'log-unavailable' });
  for await (const batch of log.follow({ from: [] })) {
    t.true(batch.length > 0, 'what is known can be read');
    break;
  }
  await systemClock.sleep(Math.max(0, 12_000 - (now() - beganMs)));
  for (const broker of [0, 1, 2]) server.resume(broker);
  const recoveredMs = await load.untilGoesOn();
  await systemClock.sleep(2_000);
  await load.end();
  t.log(`appends went on ${Math.round(recoveredMs)} ms after the brokers did; ${load.faults.length} failed`);
  t.true(recoveredMs < RECOVERY_MS);
  t.true(load.faults.length > 0);
  t.true(load.faults.every(({ code }) => code === 'log-unavailable' || code === 'conflict'));
  await check(t, load);
});
