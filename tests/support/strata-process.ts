// Owns the whole cloud in one process under test: `strata up` on a temporary data directory and free ports.

import { readFileSync, rmSync } from 'node:fs';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type Exit, ProgramProcess, temporaryDirectory } from './program-process.ts';

/** What `up --json` says. */
interface ReadyLine {
  readonly endpoints: { readonly s3: string; readonly identity: string; readonly admin: string };
  readonly credentialsFile: string;
}

interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly adminPassword: string;
}

export interface StartOptions {
  /** Default: a new temporary directory, removed by `remove`. */
  readonly data?: string;
  readonly args?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** @param keys of an account of the cloud behind the endpoint */
export function s3ClientOf(
  endpoint: string,
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
  more: S3ClientConfig = {},
): S3Client {
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys, ...more });
}

function credentialsIn(file: string): Credentials {
  return JSON.parse(readFileSync(file, 'utf8'));
}

export class StrataProcess {
  readonly data: string;
  readonly #args: readonly string[];
  readonly #program: ProgramProcess<ReadyLine>;

  private constructor({ data, args = [], environment = {} }: StartOptions) {
    this.data = data ?? temporaryDirectory();
    this.#args = args;
    this.#program = new ProgramProcess(environment);
  }

  /** Resolves when the program says that it serves. */
  static async start(options: StartOptions = {}): Promise<StrataProcess> {
    const strata = new StrataProcess(options);
    await strata.#start('0', '0', '0');
    return strata;
  }

  get pid(): number {
    return this.#program.pid;
  }

  get endpoint(): string {
    return this.#program.ready.endpoints.s3;
  }

  /** `http://…/identity/v3`. */
  get identityEndpoint(): string {
    return this.#program.ready.endpoints.identity;
  }

  get adminEndpoint(): string {
    return this.#program.ready.endpoints.admin;
  }

  get credentialsFile(): string {
    return this.#program.ready.credentialsFile;
  }

  get credentials(): Credentials {
    return credentialsIn(this.credentialsFile);
  }

  /** What the program has logged since its last start. */
  get stderr(): string {
    return this.#program.stderr;
  }

  /** @param credentials the administrator's unless given. */
  client(
    credentials?: { accessKeyId: string; secretAccessKey: string },
    more: S3ClientConfig = {},
  ): S3Client {
    const { accessKey, secretKey } = this.credentials;
    const administrator = { accessKeyId: accessKey, secretAccessKey: secretKey };
    return s3ClientOf(this.endpoint, credentials ?? administrator, more);
  }

  kill(): Promise<void> {
    return this.#program.kill();
  }

  stop(): Promise<Exit> {
    return this.#program.stop();
  }

  /** Starts it again after `kill` or `stop`, on the same data and the same ports. */
  async restart(): Promise<void> {
    const port = (endpoint: string) => new URL(endpoint).port;
    await this.#start(port(this.endpoint), port(this.adminEndpoint), port(this.identityEndpoint));
  }

  /** Ends it, if it still runs, and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  #start(s3Port: string, adminPort: string, openstackPort: string): Promise<void> {
    const ports = ['--s3-port', s3Port, '--admin-port', adminPort, '--openstack-port', openstackPort];
    // Hashing passwords is to cost little here.
    const cheap = ['--password-cost', '10'];
    return this.#program.start(['up', '--json', '--data', this.data, ...ports, ...cheap, ...this.#args]);
  }
}
