// Owns `strata up`: one process that is the whole cloud. Guarantees: it says it is ready only when it serves;
// it stops on SIGTERM and SIGINT after what is in flight; it ends with an error rather than serve what may be
// wrong.

import { resolve } from 'node:path';
import { assert } from '#core/kernel/assert.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { banner } from './banner.ts';
import { openCloud } from './compose.ts';
import { readIdentitySettings } from './identity-settings.ts';
import { readNotificationSettings } from './notification-settings.ts';
import { openLogger, stopSignal, withClosers } from './program.ts';
import { type Endpoints, serveClients } from './serve-clients.ts';
import { readSwiftSettings } from './swift-settings.ts';

export interface UpOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly host: string;
  readonly s3Port: number;
  readonly adminPort: number;
  readonly openstackPort: number;
  readonly passwordCost: number;
  readonly region: string;
  readonly s3Domain?: string;
  readonly s3Ownership?: string;
  readonly identitySettings?: string;
  readonly swiftSettings?: string;
  readonly notificationSettings?: string;
}

/** Resolves when the cloud has stopped. */
export async function up(options: UpOptions): Promise<void> {
  const { host, region, s3Port, adminPort, openstackPort, passwordCost } = options;
  const { s3Domain: domain, s3Ownership: ownership } = options;
  const directory = resolve(options.data);
  const identitySettings = readIdentitySettings(options.identitySettings);
  const swift = readSwiftSettings(options.swiftSettings);
  const notifications = readNotificationSettings(options.notificationSettings);
  const logger = openLogger();
  const stop = stopSignal();
  await withClosers(async (closers) => {
    const open = await openCloud({
      ...{ directory, clock: systemClock, random: systemRandom, logger, passwordCost },
      ...{ identitySettings, notifications },
      onFault: (error) => {
        logger.fatal({ err: error }, 'the cloud cannot go on');
        stop.now(1);
      },
    });
    closers.push(() => open.close());
    const endpoints = await serveClients({
      ...{ open, logger, region, domain, ownership, closers, swift },
      s3: { host, port: s3Port },
      admin: { host, port: adminPort },
      openstack: { host, port: openstackPort },
    });
    process.stdout.write(options.json ? readyLine(endpoints) : bannerOf(endpoints, directory, region));
    await stop.told;
  });
}

function readyLine({ s3, admin, identity, credentials }: Endpoints): string {
  const line = { ready: true, endpoints: { s3, identity, admin }, credentialsFile: credentials?.file };
  return `${JSON.stringify(line)}\n`;
}

function bannerOf(endpoints: Endpoints, dataDirectory: string, region: string): string {
  const { s3, identity, admin, credentials } = endpoints;
  assert(credentials, 'the only gateway has the keys');
  const { file, credentials: keys, fresh } = credentials;
  return banner({
    ...{ s3, identity, admin, region, dataDirectory, credentialsFile: file },
    ...(fresh && { firstCredentials: keys }),
  });
}
