// Tests the admin port: it says that all is well only while every part is.

import test from 'ava';
import { type Health, processMetrics, startAdminServer } from './admin-server.ts';

async function withServer(
  health: () => Health | Promise<Health>,
  use: (endpoint: string) => Promise<void>,
): Promise<void> {
  const server = await startAdminServer({ host: '127.0.0.1', port: 0, health, metrics: processMetrics() });
  try {
    await use(server.endpoint);
  } finally {
    await server.close();
  }
}

test('health is 200 while every part is ok, and 503 with the reason when one is not', async (t) => {
  let readModels = 'ok';
  await withServer(
    () => ({ log: 'ok', readModels }),
    async (endpoint) => {
      const well = await fetch(`${endpoint}/healthz`);
      t.is(well.status, 200);
      t.deepEqual(await well.json(), { ok: true, parts: { log: 'ok', readModels: 'ok' } });
      readModels = 'stopped';
      const ill = await fetch(`${endpoint}/healthz`);
      t.is(ill.status, 503);
      t.deepEqual(await ill.json(), { ok: false, parts: { log: 'ok', readModels: 'stopped' } });
    },
  );
});

test('health that cannot be judged is not good health, and leaks nothing', async (t) => {
  const health = () => Promise.reject(new Error('a secret detail'));
  await withServer(health, async (endpoint) => {
    const answer = await fetch(`${endpoint}/healthz`);
    t.is(answer.status, 503);
    t.notRegex(await answer.text(), /secret/);
  });
});

test('metrics are Prometheus text; anything else is not there, and nothing can be written', async (t) => {
  await withServer(
    () => ({ log: 'ok' }),
    async (endpoint) => {
      const metrics = await fetch(`${endpoint}/metrics?name=all`);
      t.regex(metrics.headers.get('content-type') ?? '', /^text\/plain/);
      t.regex(await metrics.text(), /^nodejs_eventloop_lag_seconds \d/m);
      t.is((await fetch(`${endpoint}/`)).status, 404);
      t.is((await fetch(`${endpoint}/metrics`, { method: 'POST', body: 'x' })).status, 405);
    },
  );
});

test('a port that is taken is an error of its own name', async (t) => {
  await withServer(
    () => ({}),
    async (endpoint) => {
      const port = Number(new URL(endpoint).port);
      const again = { host: '127.0.0.1', port, health: () => ({}), metrics: processMetrics() };
      await t.throwsAsync(startAdminServer(again), { code: 'EADDRINUSE' });
    },
  );
});
