// Owns the port of OpenStack's APIs: identity under `/identity`. Loaded while the rest starts, since S3 need
// not wait for it.

import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import { type AccessEntry, createHttpServer } from '#gateways/edge/http-server.ts';
import { createIdentityGateway } from '#gateways/identity/index.ts';
import type { OpenCloud } from './compose.ts';
import type { HostAndPort } from './serve-clients.ts';
import type { SteadyLog } from './steady-log.ts';

export interface ServeOpenstackOptions {
  readonly open: OpenCloud;
  readonly logger: SteadyLog;
  readonly at: HostAndPort;
  readonly s3Port: number;
  readonly region: string;
  readonly watch: BodyWatch;
  readonly access: (entry: AccessEntry) => void;
  /** Takes what is to be ended, last first. */
  readonly closers: (() => Promise<void> | void)[];
}

/** Resolves to the port. */
export async function serveOpenstack(options: ServeOpenstackOptions): Promise<number> {
  const { open, logger, at, s3Port, region, watch, access, closers } = options;
  const { handler, failed } = createIdentityGateway({
    identity: open.identity,
    tokens: await open.identity.tokens(systemClock),
    accounts: open.accounts,
    clock: systemClock,
    random: systemRandom,
    region,
    watch,
    services: [
      { type: 'identity', name: 'keystone', path: '/identity' },
      { type: 's3', name: 's3', port: s3Port, path: '' },
    ],
    logger,
  });
  const log = (error: unknown, requestId: string) =>
    logger.error({ err: error, requestId }, 'request failed');
  const server = createHttpServer({
    ...{ handler, failed, watch, access, log },
    clock: systemClock,
    random: systemRandom,
  });
  closers.push(() => server.close());
  return server.listen(at.port, at.host);
}
