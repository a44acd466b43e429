// Owns `strata up`: one process that is the whole cloud. Guarantees: it says it is ready only when it serves;
// it stops on SIGTERM and SIGINT after what is in flight; it ends with an error rather than serve what may be
// wrong.

import { resolve } from 'node:path';
import { destination, type Logger, pino } from 'pino';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { createS3Gateway } from '#gateways/s3/index.ts';
import { startAdminServer } from './admin-server.ts';
import { banner } from './banner.ts';
import { cloudOperations } from './cloud-operations.ts';
import { type OpenCloud, openCloud } from './compose.ts';
import { startControlServer } from './control-server.ts';
import { givenCredentials, obtainCredentials } from './credentials.ts';
import { cloudHealth, cloudMetrics } from './metrics.ts';
import { SteadyLog } from './steady-log.ts';

export interface UpOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly host: string;
  readonly s3Port: number;
  readonly adminPort: number;
  readonly region: string;
  readonly s3Domain?: string;
}

/** Resolves when the cloud has stopped. */
export async function up(options: UpOptions): Promise<void> {
  const directory = resolve(options.data);
  const logger = pino({ level: process.env.STRATA_LOG_LEVEL ?? 'warn' }, destination({ fd: 2, sync: false }));
  const stop = stopSignal();
  const cloud = await openCloud({
    directory,
    clock: systemClock,
    random: systemRandom,
    logger,
    onFault: (error) => {
      logger.fatal({ err: error }, 'the cloud cannot go on');
      stop.now(1);
    },
  });
  try {
    await serve(options, directory, cloud, logger, stop.told);
  } finally {
    await cloud.close();
  }
}

async function serve(
  options: UpOptions,
  directory: string,
  open: OpenCloud,
  logger: Logger,
  stopped: Promise<void>,
): Promise<void> {
  const { host, region } = options;
  const obtained = await obtainCredentials(
    directory,
    open.accounts,
    systemRandom,
    givenCredentials(process.env),
  );
  const { registry, access } = cloudMetrics(open);
  const watch = new BodyWatch(systemClock);
  const failures = new SteadyLog(logger, systemClock);
  const gateway = createS3Gateway({
    cloud: open.cloud,
    clock: systemClock,
    random: systemRandom,
    region,
    watch,
    logger: failures,
    ...(options.s3Domain !== undefined && { domain: options.s3Domain }),
  });
  const server = createHttpServer({
    handler: gateway.handler,
    failed: gateway.failed,
    watch,
    clock: systemClock,
    random: systemRandom,
    access,
    log: (error, requestId) => failures.error({ err: error, requestId }, 'request failed'),
  });
  const closers: (() => Promise<void> | void)[] = [() => watch.stop()];
  try {
    const s3Port = await server.listen(options.s3Port, host);
    closers.push(() => server.close());
    const admin = await startAdminServer({
      host,
      port: options.adminPort,
      health: () => cloudHealth(open),
      metrics: registry,
    });
    closers.push(() => admin.close());
    const control = await startControlServer(directory, cloudOperations(open));
    closers.push(() => control.close());
    announce(
      options,
      directory,
      `http://${host.includes(':') ? `[${host}]` : host}:${s3Port}`,
      admin.endpoint,
      obtained,
    );
    await stopped;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

function announce(
  options: UpOptions,
  directory: string,
  s3: string,
  admin: string,
  obtained: Awaited<ReturnType<typeof obtainCredentials>>,
): void {
  const { file, credentials, fresh } = obtained;
  const line = options.json
    ? `${JSON.stringify({ ready: true, endpoints: { s3, admin }, credentialsFile: file })}\n`
    : banner({
        s3,
        admin,
        region: options.region,
        dataDirectory: directory,
        credentialsFile: file,
        ...(fresh && { firstCredentials: credentials }),
      });
  process.stdout.write(line);
}

/** A terminal tells npm and us, and npm tells us again: within this time that is asking once. */
const ASKED_ONCE_MS = 1_000;

interface StopSignal {
  /** Resolves at the first SIGTERM or SIGINT, or when told to stop. */
  readonly told: Promise<void>;
  /** Stops with an exit code; when stopping itself hangs, the process ends without it. */
  now(exitCode: number): void;
}

function stopSignal(): StopSignal {
  let tell = () => {};
  const told = new Promise<void>((resolveTold) => {
    tell = resolveTold;
  });
  let askedAtMs: number | undefined;
  const asked = (exitCode: number) => () => {
    const nowMs = systemClock.monotonicMs();
    askedAtMs ??= nowMs;
    tell();
    // Whoever asks twice does not want to wait; nothing acknowledged is lost by it.
    if (nowMs - askedAtMs > ASKED_ONCE_MS) process.exit(exitCode);
  };
  process.on('SIGTERM', asked(143));
  process.on('SIGINT', asked(130));
  return {
    told,
    now(exitCode) {
      process.exitCode = exitCode;
      tell();
      void systemClock.sleep(limits.shutdownGraceMs * 2).then(() => process.exit(exitCode));
    },
  };
}
