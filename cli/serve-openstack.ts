// Owns the port of OpenStack's APIs: identity under `/identity`, Swift under `/object-store`.
// Loaded while the rest starts, since S3 need not wait for it.

import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import { type AccessEntry, createHttpServer } from '#gateways/edge/http-server.ts';
import { createIdentityGateway } from '#gateways/identity/index.ts';
import { createSwiftGateway, isSwiftPath, type SwiftSettings } from '#gateways/swift/index.ts';
import type { OpenCloud } from './compose.ts';
import type { HostAndPort } from './serve-clients.ts';
import type { SteadyLog } from './steady-log.ts';

export interface ServeOpenstackOptions {
  readonly open: OpenCloud;
  readonly logger: SteadyLog;
  readonly at: HostAndPort;
  readonly s3Port: number;
  readonly region: string;
  readonly swift: SwiftSettings;
  readonly watch: BodyWatch;
  readonly access: (entry: AccessEntry) => void;
  /** Takes what is to be ended, last first. */
  readonly closers: (() => Promise<void> | void)[];
}

/** Resolves to the port. */
export async function serveOpenstack(options: ServeOpenstackOptions): Promise<number> {
  const { open, logger, at, s3Port, region, watch, access, closers } = options;
  const shared = {
    identity: open.identity,
    tokens: await open.identity.tokens(systemClock),
    clock: systemClock,
    random: systemRandom,
    ...{ region, watch, logger },
  };
  const identity = createIdentityGateway({
    ...shared,
    accounts: open.accounts,
    services: [
      { type: 'identity', name: 'keystone', path: '/identity' },
      { type: 's3', name: 's3', port: s3Port, path: '' },
      { type: 'object-store', name: 'swift', path: '/object-store/v1/AUTH_$(project_id)s' },
    ],
  });
  const swift = createSwiftGateway({ ...shared, cloud: open.cloud, settings: options.swift });
  const gatewayOf = ({ url = '' }: HttpRequest) => (isSwiftPath(url) ? swift : identity);
  const log = (error: unknown, requestId: string) =>
    logger.error({ err: error, requestId }, 'request failed');
  const server = createHttpServer({
    handler: (request, response, requestId) => gatewayOf(request).handler(request, response, requestId),
    failed: (request, ...rest) => gatewayOf(request).failed(request, ...rest),
    ...{ watch, access, log },
    clock: systemClock,
    random: systemRandom,
  });
  closers.push(() => server.close());
  return server.listen(at.port, at.host);
}
