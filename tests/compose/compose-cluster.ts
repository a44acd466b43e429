// Owns the cluster of compose.yaml under test, and what is done to it: started by testcontainers, its
// containers killed, cut off, replaced and rolled by Docker's own means, as an operator or a bad day would.

import { S3Client } from '@aws-sdk/client-s3';
import {
  type ContainerRuntimeClient,
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
  Wait,
} from 'testcontainers';
import type { ListedNode } from '#cli/ring-report.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { runEngine } from '#tests/support/engine.ts';
import { freePorts } from '#tests/support/free-ports.ts';
import { root } from '#tests/support/source-files.ts';
import type { Images } from './images.ts';

const PROJECT = 'strata-test';
const FILES = ['compose.yaml', 'tests/compose/published.yaml'];
const HEALTHY_WITHIN_MS = 150_000;
const NOTICED_WITHIN_MS = 60_000;

export const gateways = ['gateway-1', 'gateway-2'] as const;
export const storageNodes = ['node-1', 'node-2', 'node-3', 'node-4'] as const;
export type Gateway = (typeof gateways)[number];
export type StorageNode = (typeof storageNodes)[number];
type Service = Gateway | StorageNode | 'kafka' | 'eventstore';

const everyService = [...storageNodes, ...gateways, 'kafka'] as const;

export interface ClusterSettings {
  /** Of compose.yaml. */
  readonly profile?: string;
  /** Values for its variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Whichever Compose is there: the plugin of the Docker client, or the program of its own. */
type Executable = { executablePath: string } | { standalone: true; executablePath: string };

interface Parts {
  readonly docker: ContainerRuntimeClient;
  readonly environment: Record<string, string>;
  readonly executable: Executable;
}

export class ComposeCluster {
  readonly #parts: Parts;
  readonly #started: StartedDockerComposeEnvironment;
  #credentials: { accessKeyId: string; secretAccessKey: string } | undefined;

  private constructor(parts: Parts, started: StartedDockerComposeEnvironment) {
    this.#parts = parts;
    this.#started = started;
  }

  /** Resolves when every part says that it is healthy. What a killed run left behind is removed first. */
  static async start({ strata, kafka }: Images, settings: ClusterSettings): Promise<ComposeCluster> {
    const executable = await findCompose();
    // Chosen once, so that a gateway that is replaced is found where the one before it was.
    const [s3, otherS3, admin, otherAdmin, openstack, otherOpenstack] = await freePorts(6);
    const environment = {
      ...settings.environment,
      ...{ STRATA_IMAGE: strata, KAFKA_IMAGE: kafka },
      ...{ STRATA_S3_PORT_1: `${s3}`, STRATA_S3_PORT_2: `${otherS3}` },
      ...{ STRATA_ADMIN_PORT_1: `${admin}`, STRATA_ADMIN_PORT_2: `${otherAdmin}` },
      ...{ STRATA_OPENSTACK_PORT_1: `${openstack}`, STRATA_OPENSTACK_PORT_2: `${otherOpenstack}` },
    };
    const parts = { docker: await getContainerRuntimeClient(), environment, executable };
    await removeAll(parts);
    const started = await new DockerComposeEnvironment(root, FILES)
      .withProjectName(PROJECT)
      .withAutoCleanup(false)
      .withProfiles(...(settings.profile ? [settings.profile] : []))
      .withEnvironment(environment)
      .withClientOptions({ executable })
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withStartupTimeout(HEALTHY_WITHIN_MS)
      .up();
    return new ComposeCluster(parts, started);
  }

  /** The administrator's client of one gateway. */
  async s3(gateway: Gateway): Promise<S3Client> {
    this.#credentials ??= await this.#readCredentials();
    const { STRATA_S3_PORT_1, STRATA_S3_PORT_2 } = this.#parts.environment;
    const port = gateway === 'gateway-1' ? STRATA_S3_PORT_1 : STRATA_S3_PORT_2;
    return new S3Client({
      ...{ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', forcePathStyle: true },
      credentials: this.#credentials,
    });
  }

  /** Runs the operator's command in a gateway. @throws Error with what it said when it failed. */
  async strata(...args: string[]): Promise<string> {
    return this.exec('gateway-1', ['strata', ...args]);
  }

  async exec(service: Service, command: string[]): Promise<string> {
    const { container } = this.#parts.docker;
    const { exitCode, output } = await container.exec(await this.#container(service), command);
    if (exitCode !== 0) throw new Error(`${service}: ${command.join(' ')}: ${exitCode}\n${output}`);
    return output;
  }

  async kill(service: Service): Promise<void> {
    const container = await this.#container(service);
    await container.kill({ signal: 'SIGKILL' });
  }

  /** Starts a container that was killed; resolves when it is healthy. */
  async start(service: Service): Promise<void> {
    const container = await this.#container(service);
    await container.start();
    await this.untilHealthy(service);
  }

  /** From here on nothing reaches it, and nothing that it sends arrives. */
  async cut(service: Service): Promise<void> {
    const { id } = await this.#container(service);
    await this.#network().disconnect({ Container: id, Force: true });
  }

  async rejoin(service: Service): Promise<void> {
    const { id } = await this.#container(service);
    await this.#network().connect({ Container: id, EndpointConfig: { Aliases: [service] } });
    await this.untilHealthy(service);
  }

  /** The container and its volume go; a new container starts on an empty one. */
  async loseDisk(node: StorageNode): Promise<void> {
    const container = await this.#container(node);
    await container.remove({ force: true });
    await this.#parts.docker.container.dockerode.getVolume(`${PROJECT}_${node}`).remove();
  }

  /** A new container for a service that has none, or for one whose container is to be replaced. */
  async recreate(service: Service): Promise<void> {
    const { docker, environment, executable } = this.#parts;
    const options = {
      ...composeOptions(environment, executable),
      commandOptions: ['--no-deps', '--force-recreate'],
    };
    await docker.compose.up(options, [service]);
    await this.untilHealthy(service);
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(service: Service): Promise<number> {
    const container = await this.#container(service);
    await container.stop({ t: 40 });
    return (await container.inspect()).State.ExitCode;
  }

  async untilHealthy(service: Service): Promise<void> {
    const untilMs = systemClock.monotonicMs() + HEALTHY_WITHIN_MS;
    for (;;) {
      const { State } = await (await this.#container(service)).inspect();
      if (State.Health?.Status === 'healthy') return;
      if (systemClock.monotonicMs() > untilMs) throw new Error(`${service} is ${JSON.stringify(State)}`);
      await systemClock.sleep(250);
    }
  }

  /** Resolves when the cluster has noticed that the node does not answer. */
  async untilAway(node: StorageNode): Promise<void> {
    const untilMs = systemClock.monotonicMs() + NOTICED_WITHIN_MS;
    for (;;) {
      const listed: readonly ListedNode[] = JSON.parse(await this.strata('node', 'list', '--json'));
      const state = listed.find((each) => each.node === node)?.state;
      if (state === 'down') return;
      if (systemClock.monotonicMs() > untilMs) throw new Error(`${node} is still said to be ${state}`);
      await systemClock.sleep(500);
    }
  }

  /** Where a port of a service is reached from here. */
  async published(service: Service, port: number): Promise<string> {
    const { NetworkSettings } = await (await this.#container(service)).inspect();
    const found = NetworkSettings.Ports[`${port}/tcp`]?.[0]?.HostPort;
    if (found === undefined) throw new Error(`port ${port} of ${service} is not published`);
    return `127.0.0.1:${found}`;
  }

  /** Services that ended of their own accord, and were started again by Docker. */
  async restarted(): Promise<readonly string[]> {
    const counted = everyService.map(async (service) => {
      const { RestartCount } = await (await this.#container(service)).inspect();
      return RestartCount > 0 ? [`${service}: ${RestartCount} times`] : [];
    });
    return (await Promise.all(counted)).flat();
  }

  /** The last of what each container said. */
  async lastWords(): Promise<string> {
    const said = everyService.map(async (service) => {
      const { id } = await this.#container(service);
      const command = ['-c', 'docker logs --tail 25 "$1" 2>&1', 'logs', id];
      return `== ${service}\n${await runEngine('sh', command, process.env)}`;
    });
    return (await Promise.allSettled(said))
      .map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))
      .join('\n');
  }

  /** Removes containers, networks and volumes. */
  async remove(): Promise<void> {
    await this.#started.down({ timeout: 1_000, removeVolumes: true });
  }

  async #readCredentials() {
    const { accessKey, secretKey } = JSON.parse(
      await this.exec('gateway-1', ['cat', '/data/credentials.json']),
    );
    return { accessKeyId: accessKey as string, secretAccessKey: secretKey as string };
  }

  #network() {
    return this.#parts.docker.container.dockerode.getNetwork(`${PROJECT}_default`);
  }

  async #container(service: Service) {
    const { dockerode } = this.#parts.docker.container;
    const label = [`com.docker.compose.project=${PROJECT}`, `com.docker.compose.service=${service}`];
    const [found] = await dockerode.listContainers({ all: true, filters: { label } });
    if (!found) throw new Error(`there is no container of ${service}`);
    return dockerode.getContainer(found.Id);
  }
}

function composeOptions(environment: Record<string, string>, executable: Executable) {
  return { filePath: root, files: FILES, projectName: PROJECT, environment, executable };
}

async function removeAll({ docker, environment, executable }: Parts): Promise<void> {
  const options = composeOptions(environment, executable);
  await docker.compose.down(options, { timeout: 1_000, removeVolumes: true });
}

async function findCompose(): Promise<Executable> {
  const tried: [string, string[], Executable][] = [
    ['docker', ['compose', 'version'], { executablePath: 'docker' }],
    ['docker-compose', ['version'], { standalone: true, executablePath: 'docker-compose' }],
  ];
  for (const [program, args, executable] of tried) {
    try {
      await runEngine(program, args);
      return executable;
    } catch {}
  }
  throw new Error(
    'no Docker Compose: neither its plugin nor docker-compose is there (scripts/engines-setup.sh)',
  );
}
