// Owns the proof of what the log on Kafka promises when brokers fail: three brokers, three replicas, two
// logs under load. Through a broker killed and restarted, a leader replaced while it was stopped, and a
// minute without any broker, nothing that was acknowledged is lost, nothing counts twice, a strong read
// misses nothing, appends fail at their deadline, and go on within ten seconds of when Kafka can take them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { type Appended, type EventLog, isBefore } from '../event-log.ts';
import { collect, note, textOf } from '../suite/support.ts';
import { openKafkaLog } from './kafka-log.ts';

const RECOVERY_MS = 10_000;
const OUTAGE_MS = 60_000;
const BROKERS = [0, 1, 2];
const PARTITIONS = 2;
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
    ...{ logger: { warn: () => {} }, partitions: PARTITIONS, appendDeadlineMs },
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

interface Failure {
  readonly code: string;
  readonly waitedMs: number;
}

/** Counts up on a stream of its own, through whatever happens, one event after the other. */
class Writer {
  readonly stream: string;
  /** Whether each append names the one before: else only the log itself can tell a repetition. */
  readonly isGuarded: boolean;
  readonly acknowledged: number[] = [];
  readonly partitions = new Set<number>();
  /** When the last one that was acknowledged began, and was. */
  beganMs = 0;
  lastMs = 0;
  longestGapMs = 0;
  readonly #log: EventLog;
  #number = 0;

  constructor(log: EventLog, number: number) {
    this.#log = log;
    this.stream = `notes/key-${number}/counter`;
    this.isGuarded = number % 4 < 2;
  }

  async append(): Promise<Appended> {
    const beganMs = now();
    const number = this.#number;
    const before = number === 0 ? ('none' as const) : number - 1;
    // What failed may stand or not: without a guard its number is not used again.
    if (!this.isGuarded) this.#number++;
    const appended = await note(this.#log, this.stream, String(number), {
      expect: this.isGuarded ? before : 'any',
    });
    if (this.isGuarded) this.#number++;
    this.acknowledged.push(number);
    this.partitions.add(appended.position.partition);
    this.longestGapMs = Math.max(this.longestGapMs, this.lastMs === 0 ? 0 : now() - this.lastMs);
    [this.beganMs, this.lastMs] = [beganMs, now()];
    return appended;
  }

  /** What could not be known at the time: whether the append came to stand. */
  async learn(): Promise<void> {
    if (!this.isGuarded) return;
    try {
      this.#number = (await collect(this.#log.read(this.stream))).length;
    } catch (error) {
      if (!isFault(error, 'log-unavailable')) throw error;
    }
  }
}

class Load {
  readonly failures: Failure[] = [];
  readonly writers: readonly Writer[];
  readonly #t: ExecutionContext;
  readonly #done: Promise<unknown>;
  #isOver = false;
  #acknowledged: () => void = () => {};

  constructor(t: ExecutionContext, logsUnderLoad: readonly EventLog[]) {
    this.#t = t;
    const logOf = (at: number) => logsUnderLoad[at % logsUnderLoad.length] as EventLog;
    this.writers = Array.from({ length: WRITERS }, (_, at) => new Writer(logOf(at), at));
    this.#done = Promise.all(this.writers.map((writer, at) => this.#write(writer, logOf(at + 1))));
    // A test that fails closes the logs before it would ask.
    this.#done.catch(() => undefined);
  }

  /** Resolves, with how long that took, when each writer was acknowledged what it began after the call. */
  async untilGoesOn(): Promise<number> {
    const beganMs = now();
    while (this.writers.some((writer) => writer.beganMs < beganMs)) {
      await new Promise<void>((resolve) => {
        this.#acknowledged = resolve;
      });
    }
    return now() - beganMs;
  }

  /** Since the last call. */
  takeLongestGapMs(): number {
    const longestMs = Math.max(...this.writers.map(({ longestGapMs }) => longestGapMs));
    for (const writer of this.writers) writer.longestGapMs = 0;
    return Math.round(longestMs);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#t.is(new Set(this.writers.flatMap(({ partitions }) => [...partitions])).size, PARTITIONS);
  }

  async #write(writer: Writer, other: EventLog): Promise<void> {
    while (!this.#isOver) {
      const beganMs = now();
      try {
        const { position } = await writer.append();
        this.#acknowledged();
        const tail = await other.tail().catch(() => undefined);
        if (tail && !isBefore(position, tail)) this.#t.fail(`${writer.stream}: acknowledged behind the tail`);
      } catch (error) {
        if (!isFault(error) || error.code === 'closed') throw error;
        this.failures.push({ code: error.code, waitedMs: now() - beganMs });
        await writer.learn();
      }
    }
  }
}

/** In every copy, a new one too, each stream has all that was acknowledged, in order, and nothing twice. */
async function check(t: ExecutionContext, load: Load): Promise<void> {
  const copies = [...logs, await openLog(30_000)];
  for (const { stream, isGuarded, acknowledged } of load.writers) {
    for (const log of copies) {
      const numbers = (await collect(log.read(stream))).map((each) => Number(textOf(each)));
      const there = new Set(numbers);
      const isInOrder = numbers.every((number, at) =>
        isGuarded ? number === at : at === 0 || number > (numbers[at - 1] as number),
      );
      t.true(isInOrder, `${stream} counts up`);
      t.deepEqual(
        acknowledged.filter((number) => !there.has(number)),
        [],
        `${stream} has all that was acknowledged`,
      );
    }
  }
}

async function underLoad(t: ExecutionContext, deadlineMs: number): Promise<Load> {
  t.timeout(240_000);
  const load = new Load(t, [await openLog(deadlineMs), await openLog(deadlineMs)]);
  await load.untilGoesOn();
  load.takeLongestGapMs();
  return load;
}

async function goesOn(t: ExecutionContext, load: Load, since: string): Promise<void> {
  const recoveredMs = await load.untilGoesOn();
  t.log(`all appends went on ${Math.round(recoveredMs)} ms after ${since}`);
  t.true(recoveredMs < RECOVERY_MS);
}

async function endAndCheck(t: ExecutionContext, load: Load): Promise<void> {
  await load.end();
  const count = load.writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  t.log(`${count} appends, ${load.failures.length} failed, longest gap ${load.takeLongestGapMs()} ms`);
  await check(t, load);
}

test.serial('a broker that is killed and restarted under load loses nothing', async (t) => {
  const load = await underLoad(t, 20_000);
  const leader = await server.leaderOf(topic, 0);
  await server.killBroker(leader);
  await server.untilLeaderIsNot(leader, topic, 0);
  await goesOn(t, load, 'another led');
  server.startBroker(leader);
  await server.untilInSync(topic);
  await load.untilGoesOn();
  await endAndCheck(t, load);
  t.deepEqual(load.failures, []);
});

test.serial('a leader that was replaced while it was stopped is not believed when it goes on', async (t) => {
  const load = await underLoad(t, 20_000);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const leader = await server.leaderOf(topic, partition);
    server.pause(leader);
    await server.untilLeaderIsNot(leader, topic, partition);
    await goesOn(t, load, 'another led');
    // The one that led is met again while appends are acknowledged without it.
    server.resume(leader);
    await server.untilInSync(topic);
  }
  await endAndCheck(t, load);
});

test.serial(
  'a minute without any broker fails appends at their deadline, and no more than that',
  async (t) => {
    const deadlineMs = 5_000;
    const load = await underLoad(t, deadlineMs);
    const log = logs[0] as EventLog;
    const startMs = now();
    const isUnavailable = async () => {
      const beganMs = now();
      const away = { name: 'Fault', code: 'log-unavailable' };
      await t.throwsAsync(note(log, 'notes/away', 'while away'), away);
      t.true(now() - beganMs >= deadlineMs - 250);
      await t.throwsAsync(log.tail(), away);
      for await (const batch of log.follow({ from: [] })) {
        t.true(batch.length > 0, 'what is known can be read');
        break;
      }
    };
    for (const broker of BROKERS) server.pause(broker);
    await isUnavailable();
    await systemClock.sleep(OUTAGE_MS / 2 - (now() - startMs));
    await Promise.all(BROKERS.map((broker) => server.killBroker(broker)));
    const startCpu = process.cpuUsage();
    await isUnavailable();
    await systemClock.sleep(OUTAGE_MS - (now() - startMs));
    const { user, system } = process.cpuUsage(startCpu);
    t.log(
      `trying refused connections took ${Math.round((user + system) / (OUTAGE_MS * 5))} % of a processor`,
    );
    const tooLong = load.failures.filter(({ waitedMs }) => waitedMs > deadlineMs + 2_000);
    t.deepEqual(tooLong, []);

    for (const broker of BROKERS) server.startBroker(broker);
    await server.untilBrokers(BROKERS.length);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await server.untilLeaderIsNot(-1, topic, partition);
    }
    await goesOn(t, load, 'all partitions had a leader again');
    await endAndCheck(t, load);
    t.true(load.failures.length >= WRITERS);
    t.deepEqual(
      load.failures.filter(({ code }) => code !== 'log-unavailable' && code !== 'conflict'),
      [],
    );
  },
);

test.serial('a topic of three replicas is refused where one alone may acknowledge', async (t) => {
  const settings = { 'retention.ms': '-1', 'min.insync.replicas': '1' };
  await server.createTopic(topic, settings);
  const message = /would lose events: min.insync.replicas is 1, less than 2/;
  await t.throwsAsync(openLog(20_000), { code: 'corruption', message });
});
