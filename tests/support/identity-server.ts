// Owns an identity gateway under test: a real HTTP server on a free port over a cloud in memory, with an
// administrator, and calls in Keystone's own documents.

import { systemClock } from '#core/kernel/clock.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { createIdentityGateway } from '#gateways/identity/index.ts';
import { type MemoryCloud, openMemoryCloud, type SharedParts } from './memory-cloud.ts';

const PASSWORD = 'correct horse';

/** As a test reads it. */
type Document = ReturnType<typeof JSON.parse>;

export interface IdentityAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly document: Document;
}

export interface IdentityRequest {
  readonly token?: string | undefined;
  readonly subject?: string | undefined;
  readonly receipt?: string | undefined;
  readonly body?: unknown;
}

export class IdentityServer {
  readonly memory: MemoryCloud;
  /** `http://127.0.0.1:port/identity`. */
  readonly root: string;
  /** What the gateway logged. */
  readonly logged: object[];
  readonly #stop: () => Promise<void>;

  private constructor(memory: MemoryCloud, port: number, logged: object[], stop: () => Promise<void>) {
    this.memory = memory;
    this.root = `http://127.0.0.1:${port}/identity`;
    this.logged = logged;
    this.#stop = stop;
  }

  static async start(identityOptions: SharedParts['identityOptions'] = {}): Promise<IdentityServer> {
    const memory = await openMemoryCloud({ identityOptions });
    const made = await memory.accounts.addAccount('admin', { role: 'admin' });
    if (isRejected(made)) throw new Error(made.rejected);
    await memory.accounts.setPassword('admin', PASSWORD);
    const watch = new BodyWatch(systemClock);
    const logged: object[] = [];
    const { handler, failed } = createIdentityGateway({
      identity: memory.identity,
      tokens: await memory.identity.tokens(memory.clock),
      accounts: memory.accounts,
      clock: memory.clock,
      random: systemRandom,
      region: 'here',
      watch,
      services: [{ type: 'identity', name: 'keystone', path: '/identity' }],
      logger: { error: (fields) => logged.push(fields) },
    });
    const server = createHttpServer({ handler, failed, watch, clock: systemClock, random: systemRandom });
    const port = await server.listen(0, '127.0.0.1');
    return new IdentityServer(memory, port, logged, async () => {
      watch.stop();
      await server.close();
      await memory.close();
    });
  }

  /** @param path below `/identity` */
  async call(method: string, path: string, request: IdentityRequest = {}): Promise<IdentityAnswer> {
    const { token, subject, receipt, body } = request;
    const answer = await fetch(`${this.root}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { 'X-Auth-Token': token }),
        ...(subject !== undefined && { 'X-Subject-Token': subject }),
        ...(receipt !== undefined && { 'Openstack-Auth-Receipt': receipt }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, document: text === '' ? {} : JSON.parse(text) };
  }

  /** A token; by default of the administrator, for the project `admin`. */
  async login(name = 'admin', scope?: object | 'unscoped', password = PASSWORD): Promise<string> {
    const { status, headers, document } = await this.call('POST', '/v3/auth/tokens', {
      body: passwordLogin(name, scope, password),
    });
    if (status !== 201) throw new Error(`no login: ${status} ${JSON.stringify(document)}`);
    return headers.get('x-subject-token') ?? '';
  }

  /** Makes something as the administrator of the cloud. @returns its id */
  async make(path: string, name: string, body: object): Promise<string> {
    const token = await this.login();
    const { status, document } = await this.call('POST', path, { token, body: { [name]: body } });
    if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(document)}`);
    return document[name].id;
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

export function passwordLogin(name: string, scope?: object | 'unscoped', password = PASSWORD): object {
  const user = { name, domain: { id: 'default' }, password };
  const identity = { methods: ['password'], password: { user } };
  return { auth: { identity, ...(scope !== undefined && { scope }) } };
}
