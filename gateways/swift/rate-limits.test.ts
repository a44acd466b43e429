// Tests rate limits: whoever is early waits, whoever would wait too long is refused, a pause is made up for,
// and what is remembered is bounded.

import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { type SwiftAnswer, SwiftServer } from '#tests/support/swift-server.ts';
import { type RateLimits, Rates, rateAt } from './rate-limits.ts';

const LIMITS: RateLimits = {
  accountPerSecond: 1,
  containers: [
    { objects: 2, perSecond: 2 },
    { objects: 10, perSecond: 1 },
  ],
  listings: [{ objects: 1, perSecond: 1 }],
  maxSleepSeconds: 1.5,
  bufferSeconds: 0,
  unlimitedProjects: [],
  refusedProjects: [],
};

test('whoever is early waits; who would wait too long is refused, and others do not wait for that', (t) => {
  const rates = new Rates(LIMITS);
  t.is(rates.wait('a', 1, 0), 0);
  t.is(rates.wait('a', 1, 0), 1_000);
  t.is(rates.wait('a', 1, 0), undefined);
  t.is(rates.wait('b', 1, 0), 0);
  t.is(rates.wait('a', 1, 900), 1_100);
  t.is(rates.wait('a', 1, 10_000), 0);
  t.is(rates.wait('a', 1, 10_000), 1_000);
});

test('what was not asked for a while may be made up for', (t) => {
  const rates = new Rates({ ...LIMITS, bufferSeconds: 5 });
  t.is(rates.wait('a', 1, 0), 0);
  for (let count = 0; count < 3; count++) t.is(rates.wait('a', 1, 3_000), 0);
  t.is(rates.wait('a', 1, 3_000), 1_000);
});

test('between two sizes the rate lies on a line; below the first there is none', (t) => {
  const rates = LIMITS.containers;
  t.deepEqual(
    [0, 1, 2, 6, 10, 1_000].map((objects) => rateAt(rates, objects)),
    [undefined, undefined, 2, 1.5, 1, 1],
  );
  t.is(rateAt([{ objects: 0, perSecond: 9 }], 0), undefined);
  t.is(rateAt([], 5), undefined);
});

test('what was used longest ago is forgotten', (t) => {
  const rates = new Rates(LIMITS);
  rates.wait('first', 1, 0);
  rates.wait('used', 1, 0);
  for (let count = 0; count < limits.swiftRatesKept - 1; count++) rates.wait(`k${count}`, 1, 0);
  t.is(rates.wait('used', 1, 0), 1_000);
  t.is(rates.wait('first', 1, 0), 0);
});

/** Time goes on until it is there. */
async function ticking<Value>({ memory }: SwiftServer, answer: Promise<Value>): Promise<Value> {
  let isOver = false;
  const over = answer.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await setImmediate();
    memory.clock.advance(1);
  }
  return over;
}

const statuses = async (answers: readonly Promise<SwiftAnswer>[]): Promise<number[]> =>
  (await Promise.all(answers)).map(({ status }) => status).sort();

test.serial('containers, objects and listings keep to their rates, also many at once', async (t) => {
  const server = await SwiftServer.start({ rateLimits: LIMITS });
  t.teardown(() => server.stop());
  const { clock } = server.memory;
  const startMs = clock.nowMs();
  t.is((await server.call('PUT', '/a')).status, 201);
  t.is((await ticking(server, server.call('PUT', '/b'))).status, 201);
  t.true(clock.nowMs() - startMs >= 1_000);

  for (const name of ['1', '2']) t.is((await server.call('PUT', `/a/${name}`, { body: 'x' })).status, 201);
  const wroteMs = clock.nowMs();
  const paths = ['/a/1', '/a/1', '/a/2'];
  const puts = paths.map((path) => server.call('PUT', path, { body: 'x' }));
  t.deepEqual(await ticking(server, statuses(puts)), [201, 201, 201]);
  t.true(clock.nowMs() - wroteMs >= 1_000);
  clock.advance(60_000);
  const bulkMs = clock.nowMs();
  const body = ['/a/none', '/a/none', '/a/1', '/a/2'].join('\n');
  const bulk = await ticking(server, server.call('POST', '?bulk-delete', { body }));
  t.regex(bulk.text, /Number Deleted: 2/);
  t.true(clock.nowMs() - bulkMs >= 500);

  await server.call('PUT', '/a/last', { body: 'x' });
  const empty = Array.from({ length: 5 }, () => server.call('GET', '/b'));
  t.deepEqual(await statuses(empty), [204, 204, 204, 204, 204]);
  const listings = Array.from({ length: 3 }, () => server.call('GET', '/a'));
  const refused = await Promise.any(listings.map((listing) => listing.then(refusedOf)));
  t.is(refused.text, 'Slow down');
  t.deepEqual(await ticking(server, statuses(listings)), [200, 200, 498]);
  const { ratelimit } = JSON.parse((await server.raw('GET', '/info')).text);
  t.deepEqual(ratelimit, {
    account_ratelimit: 1,
    max_sleep_time_seconds: 1.5,
    container_ratelimits: [
      [2, 2],
      [10, 1],
    ],
    container_listing_ratelimits: [[1, 1]],
  });
  t.deepEqual(server.logged, []);
});

function refusedOf(answer: SwiftAnswer): SwiftAnswer {
  if (answer.status !== 498) throw new Error('let through');
  return answer;
}

test.serial('whose connection is lost while waiting gets nothing done', async (t) => {
  const server = await SwiftServer.start({ rateLimits: LIMITS });
  t.teardown(() => server.stop());
  const { clock } = server.memory;
  const sleep = clock.sleep.bind(clock);
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const slept = new Promise<void>((resolve) => {
    clock.sleep = async (delayMs, signal) => {
      begin();
      await sleep(delayMs, signal);
      resolve();
    };
  });
  await server.call('PUT', '/first');
  const { hostname, port } = new URL(server.root);
  const socket = connect(Number(port), hostname);
  const head = [
    `PUT /object-store/v1/AUTH_${server.owner.projectId}/gone HTTP/1.1`,
    ...[`Host: ${hostname}`, `X-Auth-Token: ${server.owner.token}`, 'Content-Length: 0', '', ''],
  ];
  socket.write(head.join('\r\n'));
  await begun;
  socket.resetAndDestroy();
  await slept;
  t.is((await server.call('GET', '')).text, 'first\n');
  t.deepEqual(server.logged, []);
});

test.serial(
  'projects are let through, or refused, by name; what is refused says so in its status',
  async (t) => {
    const unlimitedProjects: string[] = [];
    const refusedProjects: string[] = [];
    const settings = { rateLimits: { ...LIMITS, maxSleepSeconds: 0.5, unlimitedProjects, refusedProjects } };
    const server = await SwiftServer.start(settings);
    t.teardown(() => server.stop());
    t.is((await server.call('PUT', '/a')).status, 201);
    const url = `${server.root}/object-store/v1/AUTH_${server.owner.projectId}/b`;
    const early = await fetch(url, { method: 'PUT', headers: { 'X-Auth-Token': server.owner.token } });
    t.is(`${early.status} ${early.statusText}`, '498 Rate Limited');
    unlimitedProjects.push(server.owner.projectId);
    for (const name of ['c', 'd', 'e']) t.is((await server.call('PUT', `/${name}`)).status, 201);
    refusedProjects.push(server.owner.projectId);
    const refused = await server.call('GET', '');
    t.is(refused.status, 497);
    t.is(refused.text, 'Your account has been blacklisted');
    t.deepEqual(server.logged, []);
  },
);
