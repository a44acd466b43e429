// Owns the proof that destinations are told at least once and of each key in order, whatever fails: the
// destination, this process, or another gateway.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as soon } from 'node:timers/promises';
import test from 'ava';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { type ObjectEvent, objectStream, objects, versionAt } from '#core/objects/objects.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';
import { NOTIFICATION_PROPERTY, type NotificationRule } from './notification-rules.ts';
import { Notifier } from './notifier.ts';
import { type Answer, type Message, type Receiver, Webhook } from './webhook.ts';

const CONTENT = {
  ...{ sizeBytes: 5, etag: 'e', segments: [], contentType: 'text/plain', headers: {}, metadata: {} },
  ...{ storageClass: 'STANDARD', owner: 'me' },
} as const;
const PUT: ObjectEvent = { type: 'ObjectPut', data: CONTENT };

interface Told {
  readonly eventName: string;
  readonly key: string;
  readonly sequencer: string;
  readonly versionId?: string;
}

const toldOf = ({ body }: Message): Told => {
  const [record] = JSON.parse(body).Records;
  return { eventName: record.eventName, ...record.s3.object };
};

/** Takes all, unless it is told otherwise. */
class Recorder implements Receiver {
  readonly taken: Told[] = [];
  readonly #under = new Set<string>();
  mostAtOnce = 0;
  overlaps = 0;
  attempts = 0;
  answer: (message: Message) => Answer = () => 'taken';

  async tell(message: Message): Promise<{ answer: Answer; reason: string }> {
    this.attempts++;
    if (this.#under.has(message.key)) this.overlaps++;
    this.#under.add(message.key);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#under.size);
    await soon();
    this.#under.delete(message.key);
    const answer = this.answer(message);
    if (answer === 'taken') this.taken.push(toldOf(message));
    return { answer, reason: 'told so' };
  }

  async close(): Promise<void> {}

  get names(): string[] {
    return this.taken.map(({ eventName, key }) => `${eventName} ${key}`);
  }
}

const ruleFor = (destination: string, more: Partial<NotificationRule> = {}): NotificationRule => ({
  ...{ id: destination, kind: 'queue', arn: `arn:aws:sqs:us-east-1::${destination}`, destination },
  ...{ events: ['s3:ObjectCreated:*'], ...more },
});

async function bucketWith(models: TestReadModels, name: string, rules: NotificationRule[]): Promise<void> {
  const created = { type: 'BucketCreated', data: { owner: 'me', region: 'us-east-1' } } as const;
  await models.append(buckets, bucketStream(name), created);
  if (rules.length === 0) return;
  const set = { [NOTIFICATION_PROPERTY]: JSON.stringify(rules) };
  const described = { type: 'BucketDescribed', data: { set, unset: [] } } as const;
  await models.append(buckets, bucketStream(name), described);
}

const write = (models: TestReadModels, key: string, event: ObjectEvent = PUT, bucket = 'b') =>
  models.append(objects, objectStream(bucket, key), event);

interface Errors {
  readonly logged: object[];
}

function notifierOver(
  models: TestReadModels,
  receivers: Readonly<Record<string, Receiver>>,
  { seed = 5, log = models.log }: { seed?: number; log?: EventLog } = {},
): Notifier & Errors {
  const logged: object[] = [];
  const { runner, buckets: bucketsByName, clock } = models;
  const logger = { error: (fields: object) => logged.push(fields) };
  const parts = { log, runner, buckets: bucketsByName, clock, random: seededRandom(seed), logger };
  return Object.assign(new Notifier(parts, new Map(Object.entries(receivers))), { logged });
}

/** Lets what waits go on, and time with it, until it is so. */
async function until(models: TestReadModels, isSo: () => boolean, stepMs = 100): Promise<void> {
  for (let step = 0; step < 20_000; step++) {
    if (isSo()) return;
    for (let turn = 0; turn < 4; turn++) await soon();
    models.clock.advance(stepMs);
  }
  throw new Error('it never came to be so');
}

/** New destinations begin at the tail: they must be there before what they are to be told. */
const begun = (models: TestReadModels, destinations: number) =>
  until(models, () => (models.runner.applied()[0] ?? 0) >= destinations, 0);

test('what the rules name is told as S3 tells it, and nothing else', async (t) => {
  const models = await openTestReadModels();
  await write(models, 'before.txt', PUT);
  const hook = new Recorder();
  const notifier = notifierOver(models, { hook });
  await begun(models, 2);
  const created = ruleFor('hook', { prefix: 'in/', suffix: '.jpg' });
  const rest = { events: ['s3:ObjectRemoved:*', 's3:ObjectTagging:*', 's3:ObjectAcl:Put'], id: 'rest' };
  await bucketWith(models, 'b', [created, ruleFor('hook', rest), ruleFor('elsewhere', { id: 'c' })]);
  await bucketWith(models, 'quiet', []);
  await write(models, 'in/a b+ü.jpg');
  await write(models, 'in/a.png');
  await write(models, 'out/a.jpg');
  await write(models, 'in/a.jpg', PUT, 'quiet');
  await write(models, 'in/m.jpg', { type: 'ObjectCompleted', data: { ...CONTENT, uploadId: 'u' } });
  const tags = { values: { a: 'b' } };
  const tagged = (more: object) =>
    ({ type: 'ObjectTagged', data: { ...CONTENT, ...more, modifiedMs: 1 } }) as ObjectEvent;
  for (const more of [{ tags }, { tags, grants: 'g' }, { grants: 'g' }]) {
    await write(models, 'in/m.jpg', tagged(more));
    await until(models, () => notifier.report([]).every(({ delivered }) => delivered > 0));
  }
  await write(models, 'in/m.jpg', { type: 'ObjectDeleted', data: {} });
  await until(models, () => hook.taken.length === 6);
  t.deepEqual(hook.names.sort(), [
    'ObjectAcl:Put in/m.jpg',
    'ObjectCreated:CompleteMultipartUpload in/m.jpg',
    'ObjectCreated:Put in/a+b%2B%C3%BC.jpg',
    'ObjectRemoved:Delete in/m.jpg',
    'ObjectTagging:Delete in/m.jpg',
    'ObjectTagging:Put in/m.jpg',
  ]);
  await notifier.stop();
  await models.close();
});

test('versions are told by their names, and what happens to each of them', async (t) => {
  const models = await openTestReadModels();
  const hook = new Recorder();
  const notifier = notifierOver(models, { hook });
  await begun(models, 1);
  const events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:ObjectTagging:*', 's3:ObjectAcl:Put'];
  await bucketWith(models, 'b', [ruleFor('hook', { events })]);
  const [one, other] = ['a', 'b'].map((digit) => digit.repeat(20)) as [string, string];
  const first = versionAt(0, one);
  await write(models, 'k', { type: 'ObjectPut', data: { ...CONTENT, version: one } });
  await write(models, 'k', { type: 'ObjectMarked', data: { version: other, owner: 'me' } });
  const tagged = { ...CONTENT, version: first, tags: { values: { a: 'b' } }, modifiedMs: 1 };
  await write(models, 'k', { type: 'ObjectTagged', data: tagged });
  const promoted = {
    type: 'VersionDeleted',
    data: { version: versionAt(1, other), promoted: first },
  } as const;
  await write(models, 'k', promoted);
  await write(models, 'k', { type: 'ObjectTagged', data: { ...tagged, grants: 'g' } });
  await write(models, 'k', { type: 'ObjectDeleted', data: { version: first } });
  await until(models, () => hook.taken.length === 6);
  t.deepEqual(
    hook.taken.map(({ eventName, versionId }) => `${eventName} ${versionId}`),
    [
      `ObjectCreated:Put ${first}`,
      `ObjectRemoved:DeleteMarkerCreated ${versionAt(1, other)}`,
      `ObjectTagging:Put ${first}`,
      `ObjectRemoved:Delete ${versionAt(1, other)}`,
      `ObjectAcl:Put ${first}`,
      `ObjectRemoved:Delete ${first}`,
    ],
  );
  await notifier.stop();
  await models.close();
});

test('of one key one message is told at a time, in order, though some must be told again', async (t) => {
  const models = await openTestReadModels({ partitions: 3 });
  const hook = new Recorder();
  const random = seededRandom(7);
  hook.answer = () => (random.next() < 0.3 ? 'later' : 'taken');
  const notifier = notifierOver(models, { hook });
  await bucketWith(models, 'b', [ruleFor('hook')]);
  const keys = 40;
  for (let event = 0; event < 400; event++) await write(models, `k${event % keys}`);
  await until(models, () => hook.taken.length === 400);
  t.is(hook.overlaps, 0);
  t.is(hook.mostAtOnce, limits.notificationsInFlight);
  for (let key = 0; key < keys; key++) {
    const of = hook.taken.filter((told) => told.key === `k${key}`).map(({ sequencer }) => sequencer);
    t.is(of.length, 10);
    t.deepEqual(of, [...of].sort());
  }
  const [report] = notifier.report([]);
  t.is(report?.retried, hook.attempts - 400);
  await notifier.stop();
  await models.close();
});

test('who is down holds up nobody else, and what waits for it is bounded', async (t) => {
  const models = await openTestReadModels();
  const [up, down] = [new Recorder(), new Recorder()];
  down.answer = () => 'later';
  const notifier = notifierOver(models, { up, down });
  await begun(models, 2);
  await bucketWith(models, 'a', [ruleFor('up')]);
  await bucketWith(models, 'b', [ruleFor('down')]);
  const events = limits.notificationsPending + 200;
  for (let event = 0; event < events; event++) {
    await write(models, `k${event}`, PUT, 'a');
    await write(models, `k${event}`);
  }
  await until(models, () => up.taken.length === events);
  const lags = Object.fromEntries(
    notifier.report(await models.log.tail()).map(({ destination, lag }) => [destination, lag]),
  );
  t.true((lags.down?.events ?? 0) >= 2 * events - 1);
  t.true((lags.down?.seconds ?? 0) > 0);
  t.is(lags.up?.seconds, 0);
  down.answer = () => 'taken';
  await until(models, () => down.taken.length === events, 1_000);
  await notifier.stop();
  await models.close();
});

test('what is refused again and again is dropped and logged, and the next is told', async (t) => {
  const models = await openTestReadModels();
  const hook = new Recorder();
  hook.answer = (message) => (toldOf(message).key === 'poison' ? 'refused' : 'taken');
  const notifier = notifierOver(models, { hook });
  await begun(models, 1);
  await bucketWith(models, 'b', [ruleFor('hook', { events: ['s3:ObjectCreated:*'] })]);
  await write(models, 'poison');
  await write(models, 'good');
  await until(models, () => notifier.report([])[0]?.dropped === 1);
  t.deepEqual(hook.names, ['ObjectCreated:Put good']);
  t.is(hook.attempts, limits.notificationRefusals + 1);
  t.like(notifier.logged[0], { destination: 'hook', object: 'objects/b/poison' });
  await notifier.stop();
  await models.close();
});

test('a restart goes on where the destination was told, and idle ones write nothing', async (t) => {
  const models = await openTestReadModels();
  const hook = new Recorder();
  const first = notifierOver(models, { hook });
  await begun(models, 1);
  await bucketWith(models, 'b', [ruleFor('hook')]);
  for (let event = 0; event < 50; event++) await write(models, `a${event}`);
  await until(models, () => hook.taken.length === 50);
  await first.stop();
  for (let event = 0; event < 50; event++) await write(models, `b${event}`);
  const second = notifierOver(models, { hook }, { seed: 6 });
  await until(models, () => hook.taken.length === 100);
  t.is(new Set(hook.names).size, 100);
  for (let minute = 0; minute < 5; minute++) {
    models.clock.advance(60_000);
    for (let turn = 0; turn < 20; turn++) await soon();
  }
  const tail = await models.log.tail();
  for (let minute = 0; minute < 60; minute++) {
    models.clock.advance(60_000);
    for (let turn = 0; turn < 5; turn++) await soon();
  }
  t.deepEqual(await models.log.tail(), tail);
  await second.stop();
  t.deepEqual(await models.log.tail(), tail);
  await models.close();
});

/** As a process that is killed: from then on it says nothing more to the log. */
function mortal(log: EventLog): { readonly log: EventLog; kill(): void } {
  let isDead = false;
  const append: EventLog['append'] = (request) =>
    isDead ? new Promise(() => undefined) : log.append(request);
  const own: EventLog = {
    append,
    read: (stream, options) => log.read(stream, options),
    follow: (options) => log.follow(options),
    tail: () => log.tail(),
    close: () => log.close(),
  };
  return {
    log: own,
    kill: () => {
      isDead = true;
    },
  };
}

test('of two gateways one tells; the other goes on when the first has died, after its lease', async (t) => {
  const models = await openTestReadModels();
  const [one, other] = [new Recorder(), new Recorder()];
  const life = mortal(models.log);
  notifierOver(models, { hook: one }, { seed: 1, log: life.log });
  await begun(models, 1);
  await bucketWith(models, 'b', [ruleFor('hook')]);
  for (let event = 0; event < 30; event++) await write(models, `a${event}`);
  await until(models, () => one.taken.length === 30);
  const second = notifierOver(models, { hook: other }, { seed: 2 });
  one.answer = () => 'later';
  for (let event = 0; event < 30; event++) await write(models, `b${event}`);
  await until(models, () => one.attempts > 40);
  // Renewed for as long as it lives.
  await until(models, () => one.attempts > 300, 1_000);
  t.is(other.attempts, 0);
  life.kill();
  const diedMs = models.clock.nowMs();
  await until(models, () => other.taken.length >= 30);
  const tookMs = models.clock.nowMs() - diedMs;
  t.true(tookMs >= limits.notificationLeaseMs - limits.notificationMoveMs - 200, `${tookMs}`);
  const told = new Set([...one.names, ...other.names]);
  t.is(told.size, 60);
  const { attempts } = one;
  await until(models, () => models.clock.nowMs() > diedMs + 5 * limits.notificationLeaseMs, 1_000);
  t.is(one.attempts, attempts, 'without a lease nothing is told');
  await second.stop();
  await models.close();
});

test('gateways that all live tell everything, each key in order and nobody at the same time', async (t) => {
  const models = await openTestReadModels();
  const hook = new Recorder();
  const notifiers = [1, 2, 3].map((seed) => notifierOver(models, { hook }, { seed }));
  await begun(models, 1);
  await bucketWith(models, 'b', [ruleFor('hook')]);
  for (let round = 0; round < 5; round++) {
    for (let event = 0; event < 40; event++) await write(models, `k${event % 8}`);
    await until(models, () => hook.taken.length >= 40 * (round + 1));
    await until(models, () => models.clock.nowMs() % 60_000 < 1_000, 500);
  }
  t.is(hook.overlaps, 0);
  t.is(hook.taken.length, 200);
  for (const notifier of notifiers) await notifier.stop();
  await models.close();
});

test('a webhook gets the message signed, leads nowhere else, and its answers are understood', async (t) => {
  const seen: { headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      seen.push({ headers: request.headers, body });
      const status = Number(request.url?.slice(1));
      response.writeHead(status, status === 302 ? { location: '/200' } : {});
      response.end('x'.repeat(2 * limits.notificationAnswerBytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const tell = (status: number, at = port) => {
    const url = `http://127.0.0.1:${at}/${status}`;
    const webhook = new Webhook({ url, secret: 's3cret', bearerToken: 'token' }, systemClock);
    return webhook.tell({ id: 'abc', key: 'k', body: '{"a":1}' }, new AbortController().signal);
  };
  const answers: Record<number, Answer> = {};
  for (const status of [200, 204, 302, 400, 404, 408, 429, 500, 503]) {
    answers[status] = (await tell(status)).answer;
  }
  t.deepEqual(answers, {
    ...{ 200: 'taken', 204: 'taken', 302: 'refused', 400: 'refused', 404: 'refused' },
    ...{ 408: 'later', 429: 'later', 500: 'later', 503: 'later' },
  });
  t.is(seen.length, 9, 'a redirect is not followed');
  const { headers, body } = seen[0] as (typeof seen)[0];
  t.is(body, '{"a":1}');
  t.like(headers, { 'x-strata-event-id': 'abc', authorization: 'Bearer token' });
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(`${headers['x-strata-signature']}`) ?? [];
  t.is(signature, createHmac('sha256', 's3cret').update(`${seconds}.${body}`).digest('hex'));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  t.is((await tell(200)).answer, 'later');
});
