// Owns a Swift gateway under test, beside an S3 gateway over the same cloud in memory: real HTTP servers on
// free ports, users with roles in projects, and calls as they go onto the wire.

import { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '#core/kernel/clock.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { createS3Gateway } from '#gateways/s3/index.ts';
import { createSwiftGateway, type SwiftSettings } from '#gateways/swift/index.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import type { TokenUseCases } from '#services/identity/tokens.service.ts';
import { type MemoryCloud, openMemoryCloud } from './memory-cloud.ts';

const PASSWORD = 'correct horse';

export interface SwiftAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Buffer;
}

export interface SwiftRequest {
  /** `null` for none; default: that of `owner`. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | ReadableStream;
}

/** A user with a role in a project. */
export interface Person {
  readonly userId: string;
  readonly projectId: string;
  readonly token: string;
}

export class SwiftServer {
  readonly memory: MemoryCloud;
  /** `http://127.0.0.1:port`. */
  readonly root: string;
  /** An account of its own, and the administrator of the cloud. */
  readonly owner: Person;
  readonly admin: Person;
  /** Of the account `owner`. */
  readonly s3: S3Client;
  readonly logged: object[];
  readonly #tokens: TokenUseCases;
  readonly #stop: () => Promise<void>;

  private constructor(parts: {
    readonly memory: MemoryCloud;
    readonly tokens: TokenUseCases;
    readonly root: string;
    readonly owner: Person;
    readonly admin: Person;
    readonly s3: S3Client;
    readonly logged: object[];
    readonly stop: () => Promise<void>;
  }) {
    this.memory = parts.memory;
    this.root = parts.root;
    this.owner = parts.owner;
    this.admin = parts.admin;
    this.s3 = parts.s3;
    this.logged = parts.logged;
    this.#tokens = parts.tokens;
    this.#stop = parts.stop;
  }

  static async start(settings?: SwiftSettings): Promise<SwiftServer> {
    const memory = await openMemoryCloud();
    const tokens = await memory.identity.tokens(memory.clock);
    const watch = new BodyWatch(systemClock);
    const logged: object[] = [];
    const logger = { error: (fields: object) => logged.push(fields) };
    const shared = { cloud: memory.cloud, clock: memory.clock, random: systemRandom, region: 'here' };
    const { identity } = memory;
    const swift = createSwiftGateway({ ...shared, identity, tokens, watch, logger, settings });
    const s3Gateway = createS3Gateway({ ...shared, watch, logger });
    const servers = [swift, s3Gateway].map(({ handler, failed }) =>
      createHttpServer({ handler, failed, watch, clock: systemClock, random: systemRandom }),
    );
    const ports = await Promise.all(servers.map((server) => server.listen(0, '127.0.0.1')));
    const made = await memory.accounts.addAccount('owner');
    if (isRejected(made)) throw new Error(made.rejected);
    const keeper = await memory.accounts.addAccount('admin', { role: 'admin' });
    if (isRejected(keeper)) throw new Error(keeper.rejected);
    await memory.accounts.setPassword('owner', PASSWORD);
    const { accessKeyId, secretAccessKey } = made;
    const s3 = new S3Client({
      ...{ endpoint: `http://127.0.0.1:${ports[1]}`, region: 'here', forcePathStyle: true, maxAttempts: 1 },
      credentials: { accessKeyId, secretAccessKey },
    });
    // Signatures are of the time that the cloud has.
    s3.middlewareStack.add(
      (next) => (args) => {
        s3.config.systemClockOffset = memory.clock.nowMs() - systemClock.nowMs();
        return next(args);
      },
      { step: 'initialize' },
    );
    return new SwiftServer({
      ...{ memory, tokens, logged, s3, root: `http://127.0.0.1:${ports[0]}` },
      owner: await personOf(memory, tokens, made.accountId),
      admin: await personOf(memory, tokens, keeper.accountId),
      stop: async () => {
        s3.destroy();
        watch.stop();
        for (const server of servers) await server.close();
        await memory.close();
      },
    });
  }

  /** A user of that name with a role, in the project of that id or in a new one of the user's name. */
  async person(name: string, role: string, projectId?: string): Promise<Person> {
    const { identity } = this.memory;
    const actor = { user: 'test', project: 'test', requestId: 'test' };
    const common = { domainId: 'default', name, description: '', enabled: true, extra: {} };
    const user = { ...common, email: '', defaultProjectId: '' };
    const userId = made(await identity.users.createUser(actor, user, PASSWORD));
    const project = { ...common, parentId: '', tags: [] };
    const id = projectId ?? made(await identity.directory.createProject(actor, project));
    const to = { kind: 'user', id: userId } as const;
    const scope = { kind: 'project', id } as const;
    const granted = await identity.roles.grant(actor, to, scope, builtInRoleId(role), false);
    if (granted) throw new Error(granted.rejected);
    return personOf(this.memory, this.#tokens, userId, id);
  }

  /** @param path below the account, percent-encoded: ``, `/container` or `/container/object` */
  call(method: string, path: string, request: SwiftRequest = {}): Promise<SwiftAnswer> {
    return this.raw(method, `/object-store/v1/AUTH_${this.owner.projectId}${path}`, request);
  }

  async raw(method: string, path: string, request: SwiftRequest = {}): Promise<SwiftAnswer> {
    const { token = this.owner.token, headers = {}, body } = request;
    const answer = await fetch(this.root + path, {
      method,
      headers: { ...(token !== null && { 'X-Auth-Token': token }), ...headers },
      // A string would bring a type of its own.
      ...(body !== undefined && { body: typeof body === 'string' ? Buffer.from(body) : body }),
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    return { status: answer.status, headers: answer.headers, text: bytes.toString(), bytes };
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

function made<Value>(outcome: Value): Exclude<Value, { readonly rejected: string }> {
  if (isRejected(outcome as never)) throw new Error(JSON.stringify(outcome));
  return outcome as Exclude<Value, { readonly rejected: string }>;
}

async function personOf(
  memory: MemoryCloud,
  tokens: TokenUseCases,
  userId: string,
  projectId = userId,
): Promise<Person> {
  const user = memory.identity.view.get('user', userId);
  if (!user) throw new Error('no such user');
  const scope = { kind: 'project', id: projectId } as const;
  const issued = await tokens.issue({ user, methods: ['password'], scope });
  if (!issued) throw new Error('no token');
  return { userId, projectId, token: issued.id };
}
