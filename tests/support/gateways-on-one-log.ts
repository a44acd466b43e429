// Owns several gateways of one cluster in this process: each with a copy of the log and read models of its
// own, on one broker, one set of chunks and one set of keys in memory.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { GuardedLog } from '#core/log/ordered/guarded-log.ts';
import { MemoryBroker } from './memory-broker.ts';
import { MemoryChunkClient } from './memory-chunk-client.ts';
import { memorySubjectKeys, openMemoryCloud } from './memory-cloud.ts';
import { S3Server } from './s3-server.ts';

export interface GatewaysOnOneLog {
  /** One client for each gateway, all of one account. */
  readonly doors: readonly S3Client[];
  close(): Promise<void>;
}

const PARTITIONS = 2;

export async function openGatewaysOnOneLog(count: number): Promise<GatewaysOnOneLog> {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const broker = new MemoryBroker(PARTITIONS);
  const shared = { chunks: new MemoryChunkClient(), keys: memorySubjectKeys() };
  const servers: S3Server[] = [];
  for (let number = 0; number < count; number++) {
    const log = await GuardedLog.open({
      ...{ directory: join(directory, `${number}`), clock: systemClock, random: systemRandom },
      ...{ ordered: broker.connect(), logger: { warn: () => {} } },
    });
    const memory = await openMemoryCloud({ ...shared, log });
    servers.push(await S3Server.start({ memory, ...(servers[0] && { keys: servers[0].keys }) }));
  }
  return {
    doors: servers.map(({ client }) => client),
    async close() {
      for (const server of servers) await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
