// Owns the proof that the AWS CLI moves trees and large files through the cloud unchanged.

import test from 'ava';
import { awsEnvironment, runEngine } from '#tests/support/engine.ts';
import { type Engine, engineRoundTrip } from '#tests/support/engine-round-trip.ts';
import type { StrataProcess } from '#tests/support/strata-process.ts';

class AwsCli implements Engine {
  #endpoint = '';
  #environment: NodeJS.ProcessEnv = {};

  setUp(strata: StrataProcess): void {
    this.#endpoint = strata.endpoint;
    this.#environment = awsEnvironment(strata.credentials);
  }

  syncUp(directory: string, target: string): Promise<string> {
    return this.#s3('sync', '--delete', directory, `s3://${target}`);
  }

  syncDown(source: string, directory: string): Promise<string> {
    return this.#s3('sync', `s3://${source}`, directory);
  }

  copyUp(file: string, target: string): Promise<string> {
    return this.#s3('cp', file, `s3://${target}`);
  }

  copyDown(source: string, file: string): Promise<string> {
    return this.#s3('cp', `s3://${source}`, file);
  }

  #s3(command: string, ...args: string[]): Promise<string> {
    const all = ['--endpoint-url', this.#endpoint, 's3', command, '--only-show-errors', ...args];
    return runEngine('aws', all, this.#environment);
  }
}

engineRoundTrip(test, new AwsCli());
