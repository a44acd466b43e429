// Owns the composition of one whole cloud on one data directory: which implementation stands behind each
// port. Nothing else chooses; so the simulator and the cluster's programs differ from this file and in
// nothing else.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { fileSubjectKeys } from '#core/identity/file-subject-keys.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { lockDirectory } from '#core/log/embedded/directory-lock.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import { ClusterRing } from '#core/runtime/cluster-ring.ts';
import { type Daemon, startDaemon } from '#core/runtime/daemon.ts';
import { openReadModels, projections } from '#projections/all.ts';
import { openLevelStore } from '#projections/store/level-store.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import type { ReadStore } from '#projections/store/read-store.ts';
import { createProjectionRunner } from '#projections/store/runner.ts';
import type { AccountService } from '#services/accounts.service.ts';
import type { Cloud } from '#services/cloud.ts';
import { Collector } from '#services/collector.ts';
import type { ServiceContext } from '#services/context.ts';
import { createCloud } from '#services/create-cloud.ts';
import { WritesInFlight } from '#services/writes-in-flight.ts';
import { createBlobStream } from '#storage-nodes/stream/create-blob-stream.ts';
import { createWorkerDigestPool } from '#storage-nodes/stream/digest-pool.ts';
import { openStorageNodes, type StorageNodes } from './storage-nodes.ts';

export interface CloudOptions {
  /** The data directory; made where it is not. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told of what makes going on unsafe: the process should stop. */
  onFault(error: unknown): void;
}

export interface OpenCloud {
  readonly directory: string;
  readonly cloud: Cloud;
  readonly accounts: AccountService;
  readonly log: EmbeddedLog;
  readonly runner: ProjectionRunner;
  readonly store: ReadStore;
  readonly nodes: StorageNodes;
  readonly writes: WritesInFlight;
  readonly collector: Collector;
  /**
   * Ends the daemons, then everything else, in the order in which bytes flow. Nothing acknowledged is lost
   * without it.
   */
  close(): Promise<void>;
}

/** @throws Fault `locked` when another process serves the directory, `corruption` when its log is damaged. */
export async function openCloud(options: CloudOptions): Promise<OpenCloud> {
  const { directory, clock, random, logger, onFault } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  const opened: (() => Promise<void> | void)[] = [() => lock.release()];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    const [log, store] = await Promise.all([
      EmbeddedLog.open({ directory: join(directory, 'log'), clock, random }),
      openLevelStore(join(directory, 'read-models')),
    ]);
    opened.push(
      () => store.close(),
      () => log.close(),
    );
    const runner = await createProjectionRunner({ log, store, projections, clock, onFault });
    opened.push(() => runner.close());
    const cluster = await ClusterRing.open({ log, onFault });
    opened.push(() => cluster.close());
    const nodes = await openStorageNodes({
      directory: join(directory, 'nodes'),
      cluster,
      clock,
      random,
      logger,
    });
    opened.push(() => nodes.close());
    const digests = createWorkerDigestPool({ workerUrl: digestWorkerUrl() });
    opened.push(() => digests.close());
    const blobs = createBlobStream({ chunks: nodes.chunks, random, clock, digests });
    opened.push(() => blobs.close());
    await runner.whenCaughtUp(await log.tail());

    const models = openReadModels(runner);
    const writes = new WritesInFlight(clock);
    const context: ServiceContext = {
      ...models,
      log,
      runner,
      blobs,
      writes,
      random,
      // This process is the log's only writer, so what is acknowledged is applied.
      barrier: () => undefined,
    };
    const { cloud, accounts } = createCloud(context, fileSubjectKeys(join(directory, 'keys'), random));
    const collector = new Collector({
      clock,
      chunks: nodes.chunks,
      devices: () => nodes.stores.values(),
      isNamed: models.namedBlobs.isNamed,
      oldestWriteMs: () => writes.oldestMs(),
      graceMs: limits.collectorGraceMs,
    });
    const daemons = startDaemons({ clock, logger, nodes, collector });
    opened.push(async () => {
      await Promise.all(daemons.map((daemon) => daemon.stop()));
    });
    return { directory, cloud, accounts, log, runner, store, nodes, writes, collector, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Beside this file's bundle, or in the sources. */
function digestWorkerUrl(): URL {
  const path = import.meta.url.endsWith('.ts')
    ? '../storage-nodes/stream/digest-worker.ts'
    : './digest-worker.js';
  return new URL(path, import.meta.url);
}

function startDaemons(parts: {
  clock: Clock;
  logger: Logger;
  nodes: StorageNodes;
  collector: Collector;
}): Daemon[] {
  const { clock, logger, nodes, collector } = parts;
  const onFailure = (name: string, error: unknown) =>
    logger.error({ daemon: name, err: error }, 'pass failed');
  const daemon = (name: string, intervalMs: number, runOnce: (signal: AbortSignal) => Promise<unknown>) =>
    startDaemon({
      name,
      clock,
      intervalMs,
      onFailure,
      runOnce: async (signal) => {
        const report = await runOnce(signal);
        logger.debug({ daemon: name, report }, 'pass done');
      },
    });
  return [
    daemon('collector', limits.collectorIntervalMs, (signal) => collector.runOnce(signal)),
    daemon('auditor', limits.auditIntervalMs, (signal) => nodes.auditor.runOnce(signal)),
    daemon('repairer', limits.repairIntervalMs, (signal) => nodes.repairer.runOnce(signal)),
    daemon('compactor', limits.compactIntervalMs, () => nodes.compactOnce()),
  ];
}
