// Owns a cluster of processes under test: storage nodes on Unix sockets and gateways on free ports, below one
// temporary directory that goes with them.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { systemRandom } from '#core/kernel/random.ts';
import { freePorts } from './free-ports.ts';
import { ProgramProcess, type Ran, runStrata, temporaryDirectory } from './program-process.ts';
import { s3ClientOf } from './strata-process.ts';

interface GatewayReady {
  readonly endpoints: { readonly s3: string; readonly admin: string; readonly control: string };
}

interface NodeReady {
  readonly cluster: string;
  readonly devices: readonly number[];
  readonly endpoints: { readonly wire: string; readonly admin: string };
}

/** Given, so that all gateways have the same. */
export const ADMINISTRATOR = {
  accessKeyId: 'ADMINISTRATOR',
  secretAccessKey: 'the secret of the administrator',
};
const GATEWAY_ENVIRONMENT = {
  STRATA_ACCESS_KEY: ADMINISTRATOR.accessKeyId,
  STRATA_SECRET_KEY: ADMINISTRATOR.secretAccessKey,
};

export interface ClusterOptions {
  /** Default: 3, each in a zone of its own. */
  readonly nodes?: number;
  /** One each; `embedded` for a single one. */
  readonly logs?: readonly string[];
  /** Further arguments of a part, `node-1` or `gateway-1`; of what is given twice the last counts. */
  readonly more?: (part: string) => readonly string[];
}

export class ClusterProcesses {
  readonly directory = temporaryDirectory();
  readonly nodes: ProgramProcess<NodeReady>[] = [];
  readonly gateways: ProgramProcess<GatewayReady>[] = [];
  readonly #options: Required<ClusterOptions>;
  /** Known before the gateways are there, so that nodes know where to join. */
  readonly #controlPorts: readonly number[];

  private constructor(options: ClusterOptions, controlPorts: readonly number[]) {
    this.#options = { nodes: 3, logs: ['embedded'], more: () => [], ...options };
    this.#controlPorts = controlPorts;
    const secret = systemRandom.fill(Buffer.alloc(32)).toString('hex');
    writeFileSync(this.secretFile, secret, { mode: 0o600 });
  }

  static async start(options: ClusterOptions = {}): Promise<ClusterProcesses> {
    const count = options.logs?.length ?? 1;
    const cluster = new ClusterProcesses(options, await freePorts(count));
    try {
      const gateways = Array.from({ length: count }, (_, index) => cluster.startGateway(index));
      const nodes = Array.from({ length: cluster.#options.nodes }, (_, index) => cluster.startNode(index));
      await Promise.all([...gateways, ...nodes]);
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  get secretFile(): string {
    return join(this.directory, 'secret');
  }

  /** Numbers begin at 0; starting one again is a restart on the same data. */
  async startNode(index: number): Promise<void> {
    const node = this.nodes[index] ?? new ProgramProcess<NodeReady>();
    this.nodes[index] = node;
    await node.start(this.nodeArguments(index));
  }

  nodeArguments(index: number, name = `node-${index + 1}`, zone = `zone-${index + 1}`): string[] {
    const at = (path: string) => join(this.directory, path);
    const gateways = this.#controlPorts.map((port) => `127.0.0.1:${port}`).join(',');
    return [
      ...['storage-node', '--json', '--name', name, '--zone', zone, '--secret-file', this.secretFile],
      ...[
        '--data',
        at(`node-${index + 1}`),
        '--listen',
        `unix:${at(`${index + 1}.sock`)}`,
        '--join',
        gateways,
      ],
      ...this.#options.more(name),
    ];
  }

  async startGateway(index: number): Promise<void> {
    const gateway = this.gateways[index] ?? new ProgramProcess<GatewayReady>(GATEWAY_ENVIRONMENT);
    this.gateways[index] = gateway;
    const control = `127.0.0.1:${this.#controlPorts[index]}`;
    await gateway.start([
      ...['gateway', '--json', '--data', this.gatewayData(index), '--secret-file', this.secretFile],
      ...['--log', this.#options.logs[index] ?? '', '--s3', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
      ...['--openstack', '127.0.0.1:0', '--password-cost', '10'],
      ...['--control', control, '--first-nodes', String(Math.min(3, this.#options.nodes))],
      ...this.#options.more(`gateway-${index + 1}`),
    ]);
  }

  gatewayData(index = 0): string {
    return join(this.directory, `gateway-${index + 1}`);
  }

  /** Of the administrator, through one gateway. */
  client(index = 0, more: S3ClientConfig = {}): S3Client {
    const { endpoints } = (this.gateways[index] as ProgramProcess<GatewayReady>).ready;
    return s3ClientOf(endpoints.s3, ADMINISTRATOR, more);
  }

  /** A command of the operator, beside a gateway. */
  run(args: readonly string[], index = 0): Promise<Ran> {
    return runStrata([...args, '--data', this.gatewayData(index)]);
  }

  /** Ends whatever still runs and removes all data. */
  async remove(): Promise<void> {
    await Promise.all([...this.gateways, ...this.nodes].map((each) => each?.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
