// Owns the proof that s3cmd moves trees and large files through the cloud unchanged.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runEngine } from '#tests/support/engine.ts';
import { type Engine, engineRoundTrip } from '#tests/support/engine-round-trip.ts';
import type { StrataProcess } from '#tests/support/strata-process.ts';

class S3cmd implements Engine {
  #configuration = '';

  setUp(strata: StrataProcess, directory: string): void {
    const { host } = new URL(strata.endpoint);
    const { accessKey, secretKey } = strata.credentials;
    this.#configuration = join(directory, 's3cfg');
    const lines = [
      '[default]',
      `access_key = ${accessKey}`,
      `secret_key = ${secretKey}`,
      `host_base = ${host}`,
      `host_bucket = ${host}`,
      'use_https = False',
    ];
    writeFileSync(this.#configuration, `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  syncUp(directory: string, target: string): Promise<string> {
    return this.#s3cmd('sync', '--delete-removed', `${directory}/`, `s3://${target}/`);
  }

  syncDown(source: string, directory: string): Promise<string> {
    return this.#s3cmd('sync', `s3://${source}/`, `${directory}/`);
  }

  copyUp(file: string, target: string): Promise<string> {
    return this.#s3cmd('put', file, `s3://${target}`);
  }

  copyDown(source: string, file: string): Promise<string> {
    return this.#s3cmd('get', `s3://${source}`, file);
  }

  #s3cmd(command: string, ...args: string[]): Promise<string> {
    return runEngine('s3cmd', [
      '-c',
      this.#configuration,
      '--no-progress',
      '--no-preserve',
      command,
      ...args,
    ]);
  }
}

engineRoundTrip(test, new S3cmd());
