// Owns what an open cloud shows to the outside: S3, OpenStack's APIs, the admin port and the operator's
// control socket; the same for a cloud in one process and for a gateway of a cluster.

import type { Logger } from 'pino';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { createS3Gateway } from '#gateways/s3/index.ts';
import type { SwiftSettings } from '#gateways/swift/index.ts';
import { startAdminServer } from './admin-server.ts';
import { cloudOperations } from './cloud-operations.ts';
import type { OpenCloud } from './compose.ts';
import { startControlServer } from './control-server.ts';
import { givenCredentials, type ObtainedCredentials, obtainCredentials } from './credentials.ts';
import { cloudHealth, cloudMetrics } from './metrics.ts';
import { SteadyLog } from './steady-log.ts';

export interface HostAndPort {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

export interface ServeClientsOptions {
  readonly open: OpenCloud;
  readonly logger: Logger;
  readonly s3: HostAndPort;
  readonly admin: HostAndPort;
  readonly openstack: HostAndPort;
  readonly region: string;
  readonly domain?: string | undefined;
  readonly swift: SwiftSettings;
  /** Of new buckets that are made without a word of it. */
  readonly ownership?: string | undefined;
  /** Takes what is to be ended, last first. */
  readonly closers: (() => Promise<void> | void)[];
}

export interface Endpoints {
  readonly s3: string;
  /** Keystone's version 3. */
  readonly identity: string;
  readonly admin: string;
  /** Undefined where another gateway has the administrator's keys. */
  readonly credentials: ObtainedCredentials | undefined;
  /** From now on `/healthz` says that clients should go elsewhere; they are served as before. */
  leave(): void;
}

export async function serveClients(options: ServeClientsOptions): Promise<Endpoints> {
  const { open, logger, region, domain, ownership, closers } = options;
  const loading = import('./serve-openstack.ts');
  const given = givenCredentials(process.env);
  const credentials = await obtainCredentials(
    ...([open.directory, open.accounts, systemRandom, given, !open.nodes.areHere] as const),
  );
  const { registry, access } = cloudMetrics(open);
  const watch = new BodyWatch(systemClock);
  closers.push(() => watch.stop());
  const failures = new SteadyLog(logger, systemClock);
  const gateway = createS3Gateway({
    cloud: open.cloud,
    clock: systemClock,
    random: systemRandom,
    region,
    destinations: open.destinations,
    watch,
    logger: failures,
    ...(domain !== undefined && { domain }),
    ...(ownership !== undefined && { ownership }),
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
  // Also where it cannot listen: it looks after its connections from the beginning.
  closers.push(() => server.close());
  const port = await server.listen(options.s3.port, options.s3.host);
  const { serveOpenstack } = await loading;
  const openstackPort = await serveOpenstack({
    ...{ open, logger: failures, at: options.openstack, s3Port: port, region, watch, access, closers },
    swift: options.swift,
  });
  const openstack = hostAndPort({ ...options.openstack, port: openstackPort });
  let leaving = false;
  const health = async () => ({ ...(await cloudHealth(open)), clients: leaving ? 'go elsewhere' : 'ok' });
  const admin = await startAdminServer({ ...options.admin, health, metrics: registry });
  closers.push(() => admin.close());
  const control = await startControlServer(open.directory, cloudOperations(open));
  closers.push(() => control.close());
  const leave = () => {
    leaving = true;
  };
  await credentials?.canLogIn;
  return {
    s3: `http://${hostAndPort({ ...options.s3, port })}`,
    identity: `http://${openstack}/identity/v3`,
    admin: admin.endpoint,
    credentials,
    leave,
  };
}

export function hostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
