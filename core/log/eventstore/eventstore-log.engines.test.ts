// Owns the proof that the log on EventStoreDB keeps the port's promises, against a real server: the one that
// STRATA_EVENTSTORE names (esdb://host:port?tls=false, with MaxAppendSize at 16 MiB), or one in a container.
// Where there is neither, it says that it did not run.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { GenericContainer, Wait } from 'testcontainers';
import type { Clock } from '#core/kernel/clock.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { eventLogSuite } from '../event-log.suite.ts';
import { openEventStoreLog } from './eventstore-log.ts';

const IMAGE = process.env.EVENTSTORE_IMAGE ?? 'eventstore/eventstore:24.10';
const PORT = 2113;

interface RealServer {
  /** Without the log's name. */
  readonly address: URL;
  stop(): Promise<unknown>;
}

async function startServer(): Promise<RealServer> {
  const given = process.env.STRATA_EVENTSTORE;
  if (given !== undefined) return { address: new URL(given), stop: async () => undefined };
  const container = await new GenericContainer(IMAGE)
    .withEnvironment({ EVENTSTORE_INSECURE: 'true', EVENTSTORE_MAX_APPEND_SIZE: String(16 * 1024 * 1024) })
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp('/health/live', PORT).forStatusCodeMatching((status) => status < 300))
    .start();
  const address = new URL(`esdb://${container.getHost()}:${container.getMappedPort(PORT)}?tls=false`);
  return { address, stop: () => container.stop() };
}

const server = await startServer().catch((error: unknown) => {
  console.error(`not run: no EventStoreDB server (${error instanceof Error ? error.message : error})`);
  return undefined;
});

if (!server) {
  test.skip('not run: no EventStoreDB server', (t) => t.fail());
} else {
  test.after.always(() => server.stop());
  eventLogSuite(test.serial as typeof test, {
    name: 'eventstore',
    supports: { reopen: true, clock: true },
    async open(clock: Clock) {
      const directory = mkdtempSync(join(tmpdir(), 'strata-'));
      const url = new URL(server.address);
      url.pathname = `/log-${newId(systemRandom)}`;
      const address = url.href;
      const logger = { warn: () => {} };
      const open = () => openEventStoreLog({ address, directory, clock, random: systemRandom, logger });
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
  });
}
