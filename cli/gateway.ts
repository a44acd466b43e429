// Owns `strata gateway`: one gateway of a cluster. Guarantees: nodes can join before it serves, and it serves
// clients only when data can be placed; it stops on SIGTERM and SIGINT after what is in flight, and before
// that, where it is told so, gives whoever sends it clients the time to send them elsewhere.

import { resolve } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { type AccessOptions, accessOf } from './cluster-options.ts';
import { serveCluster } from './cluster-service.ts';
import { controlTransport, type OpenCloud, openGateway } from './compose.ts';
import { serveControlCalls } from './control-grpc.ts';
import { readIdentitySettings } from './identity-settings.ts';
import { readNotificationSettings } from './notification-settings.ts';
import { logSource } from './open-log.ts';
import { openLogger, stopSignal, withClosers } from './program.ts';
import { type Endpoints, type HostAndPort, hostAndPort, serveClients } from './serve-clients.ts';
import { readSwiftSettings } from './swift-settings.ts';

export interface GatewayCommand extends AccessOptions {
  readonly data: string;
  readonly log: string;
  readonly json?: boolean;
  readonly s3: HostAndPort;
  readonly admin: HostAndPort;
  readonly openstack: HostAndPort;
  readonly passwordCost: number;
  readonly control: HostAndPort;
  readonly firstNodes: number;
  readonly region: string;
  readonly s3Domain?: string;
  readonly s3Ownership?: string;
  readonly identitySettings?: string;
  readonly swiftSettings?: string;
  readonly notificationSettings?: string;
  readonly drain: number;
}

/** Resolves when the gateway has stopped. */
export async function gateway(options: GatewayCommand): Promise<void> {
  const { s3, admin, openstack, region, firstNodes, passwordCost } = options;
  const { s3Domain: domain, s3Ownership: ownership } = options;
  const access = accessOf(options);
  const log = logSource(options.log);
  const identitySettings = readIdentitySettings(options.identitySettings);
  const swift = readSwiftSettings(options.swiftSettings);
  const notifications = readNotificationSettings(options.notificationSettings);
  const logger = openLogger();
  const stop = stopSignal();
  await withClosers(async (closers) => {
    const open = await openGateway({
      ...{ directory: resolve(options.data), clock: systemClock, random: systemRandom, logger, access, log },
      ...{ passwordCost, identitySettings, notifications },
      onFault: (error) => {
        logger.fatal({ err: error }, 'the gateway cannot go on');
        stop.now(1);
      },
    });
    closers.push(() => open.close());
    const control = await serveControlCalls({
      ...{ ...controlTransport(access, systemClock), ...options.control },
      services: [serveCluster({ cluster: open.cluster, clock: systemClock, firstNodes })],
    });
    closers.push(() => control.close());
    const controlAddress = hostAndPort({ host: options.control.host, port: control.port });
    if (open.cluster.ring().version === 0) {
      process.stderr.write(`waiting for ${firstNodes} storage nodes to join at ${controlAddress}\n`);
    }
    const placed = await Promise.race([untilPlaced(open), stop.told.then(() => 'stopped' as const)]);
    if (placed === 'stopped') return;
    const endpoints = await serveClients({
      ...{ open, logger, s3, admin, openstack, region, domain, ownership, closers, swift },
    });
    process.stdout.write(
      options.json ? readyLine(endpoints, controlAddress) : greeting(endpoints, controlAddress),
    );
    if ((await stop.told) === 'failed') return;
    endpoints.leave();
    await systemClock.sleep(options.drain * 1_000);
  });
}

/** Without a ring not even the administrator's key could be kept. */
function untilPlaced({ cluster }: OpenCloud): Promise<void> {
  return new Promise((placed) => {
    const look = () => {
      if (cluster.ring().version === 0) return;
      forget();
      placed();
    };
    const forget = cluster.onChange(look);
    look();
  });
}

function readyLine({ s3, identity, admin, credentials }: Endpoints, control: string): string {
  const line = {
    ready: true,
    endpoints: { s3, identity, admin, control },
    credentialsFile: credentials?.file,
  };
  return `${JSON.stringify(line)}\n`;
}

function greeting({ s3, identity, admin, credentials }: Endpoints, control: string): string {
  return [
    `gateway ready: S3 ${s3}, identity ${identity}, admin ${admin}, nodes join at ${control}`,
    credentials
      ? `the administrator's keys are in ${credentials.file}`
      : `another gateway made the administrator; strata key create admin makes further keys`,
    '',
  ].join('\n');
}
