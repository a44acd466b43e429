// Owns the proof that rclone's Swift backend moves trees and large files, in segments, through the cloud
// unchanged; what it made is then looked at by S3.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { contentOf } from '#tests/support/contents.ts';
import { hashOf, runEngine } from '#tests/support/engine.ts';
import { type Engine, engineRoundTrip } from '#tests/support/engine-round-trip.ts';
import { temporaryDirectory } from '#tests/support/program-process.ts';
import type { StrataProcess } from '#tests/support/strata-process.ts';

class RcloneSwift implements Engine {
  #environment: NodeJS.ProcessEnv = {};

  setUp(strata: StrataProcess, directory: string): void {
    this.#environment = {
      RCLONE_CONFIG: join(directory, 'rclone.conf'),
      RCLONE_CONFIG_STRATA_TYPE: 'swift',
      RCLONE_CONFIG_STRATA_AUTH: strata.identityEndpoint,
      RCLONE_CONFIG_STRATA_AUTH_VERSION: '3',
      RCLONE_CONFIG_STRATA_USER: 'admin',
      RCLONE_CONFIG_STRATA_KEY: strata.credentials.adminPassword,
      RCLONE_CONFIG_STRATA_DOMAIN: 'Default',
      RCLONE_CONFIG_STRATA_TENANT: 'admin',
      RCLONE_CONFIG_STRATA_TENANT_DOMAIN: 'Default',
    };
  }

  async syncUp(directory: string, target: string): Promise<void> {
    await this.rclone('sync', directory, `strata:${target}`);
    await this.rclone('check', directory, `strata:${target}`);
  }

  syncDown(source: string, directory: string): Promise<string> {
    return this.rclone('sync', `strata:${source}`, directory);
  }

  copyUp(file: string, target: string): Promise<string> {
    return this.rclone('copyto', file, `strata:${target}`);
  }

  copyDown(source: string, file: string): Promise<string> {
    return this.rclone('copyto', `strata:${source}`, file);
  }

  rclone(command: string, ...args: string[]): Promise<string> {
    return runEngine('rclone', [command, '--retries', '1', ...args], this.#environment);
  }
}

const engine = new RcloneSwift();
engineRoundTrip(test, engine);

test.serial('a large file goes up in segments, comes down the same, and goes away with them', async (t) => {
  const directory = temporaryDirectory();
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const [up, down] = [join(directory, 'up'), join(directory, 'down')];
  writeFileSync(up, contentOf(9, 20 * 1024 * 1024 + 7));
  await engine.rclone('copyto', up, 'strata:cut/file', '--swift-chunk-size', '8M');
  t.regex(await engine.rclone('lsf', 'strata:cut_segments', '-R'), /file\/(.|\n)*\d{8}\n/u);
  t.regex(await engine.rclone('ls', 'strata:cut'), /^\s*20971527 file\n$/);
  await engine.rclone('copyto', 'strata:cut/file', down);
  t.is(await hashOf(down), await hashOf(up));
  await engine.rclone('deletefile', 'strata:cut/file');
  t.is(await engine.rclone('lsf', 'strata:cut', '-R'), '');
  t.is(await engine.rclone('lsf', 'strata:cut_segments', '-R', '--files-only'), '');
});
