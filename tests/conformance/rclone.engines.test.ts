// Owns the proof that rclone moves trees and large files through the cloud unchanged, and that its own check
// agrees.

import { join } from 'node:path';
import test from 'ava';
import { runEngine } from '#tests/support/engine.ts';
import { type Engine, engineRoundTrip } from '#tests/support/engine-round-trip.ts';
import type { StrataProcess } from '#tests/support/strata-process.ts';

class Rclone implements Engine {
  #environment: NodeJS.ProcessEnv = {};

  setUp(strata: StrataProcess, directory: string): void {
    this.#environment = {
      RCLONE_CONFIG: join(directory, 'rclone.conf'),
      RCLONE_CONFIG_STRATA_TYPE: 's3',
      RCLONE_CONFIG_STRATA_PROVIDER: 'Other',
      RCLONE_CONFIG_STRATA_ENDPOINT: strata.endpoint,
      RCLONE_CONFIG_STRATA_ACCESS_KEY_ID: strata.credentials.accessKey,
      RCLONE_CONFIG_STRATA_SECRET_ACCESS_KEY: strata.credentials.secretKey,
    };
  }

  async syncUp(directory: string, target: string): Promise<void> {
    await this.#rclone('sync', directory, `strata:${target}`);
    await this.#rclone('check', directory, `strata:${target}`);
  }

  syncDown(source: string, directory: string): Promise<string> {
    return this.#rclone('sync', `strata:${source}`, directory);
  }

  copyUp(file: string, target: string): Promise<string> {
    return this.#rclone('copyto', file, `strata:${target}`);
  }

  copyDown(source: string, file: string): Promise<string> {
    return this.#rclone('copyto', `strata:${source}`, file);
  }

  #rclone(command: string, ...args: string[]): Promise<string> {
    return runEngine('rclone', [command, '--retries', '1', ...args], this.#environment);
  }
}

engineRoundTrip(test, new Rclone());
