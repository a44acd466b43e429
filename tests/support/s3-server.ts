// Owns an S3 gateway under test: a real HTTP server on a free port over a cloud in memory, the AWS SDK as its
// client, and requests that the SDK signs but would never make.

import { request as httpRequest } from 'node:http';
import { HeadBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { createS3Gateway } from '#gateways/s3/index.ts';
import type { Cloud } from '#services/cloud.ts';
import { type MemoryCloud, openMemoryCloud } from './memory-cloud.ts';
import type { AccessKey } from './signed-requests.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RawRequest {
  readonly method: string;
  /** As it goes onto the wire. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sent as `Transfer-Encoding: chunked`, or without any length at all. */
  readonly length?: 'chunked' | 'none';
}

export interface S3ServerOptions {
  readonly region?: string;
  /** Of new buckets. */
  readonly ownership?: string;
  /** Whom buckets may tell of their objects. */
  readonly destinations?: ReadonlySet<string>;
  /** Stands between the gateway and the cloud, e.g. to let something fail. */
  readonly around?: (cloud: Cloud) => Cloud;
  /** Default: one that it opens. */
  readonly memory?: MemoryCloud;
  /** Of the accounts `owner` and `other`, where another gateway has made them. */
  readonly keys?: readonly AccessKey[];
}

/** What the SDK hands to whoever carries its requests. */
interface SignedHttpRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: unknown;
}

export class S3Server {
  readonly memory: MemoryCloud;
  readonly endpoint: string;
  /** Of the account `owner`. */
  readonly client: S3Client;
  /** Of the account `other`. */
  readonly other: S3Client;
  /** Of both accounts. */
  readonly keys: readonly AccessKey[];
  /** What the gateway logged. */
  readonly logged: object[];
  readonly #config: S3ClientConfig;
  readonly #stop: () => Promise<void>;

  private constructor(parts: {
    memory: MemoryCloud;
    port: number;
    region: string;
    keys: readonly AccessKey[];
    logged: object[];
    stop: () => Promise<void>;
  }) {
    this.memory = parts.memory;
    this.endpoint = `http://127.0.0.1:${parts.port}`;
    this.keys = parts.keys;
    this.logged = parts.logged;
    this.#stop = parts.stop;
    const [owner, other] = parts.keys;
    const config = { endpoint: this.endpoint, region: parts.region, forcePathStyle: true, maxAttempts: 1 };
    this.#config = { ...config, ...(owner && { credentials: owner }) };
    this.client = new S3Client(this.#config);
    this.other = new S3Client({ ...config, ...(other && { credentials: other }) });
  }

  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const { region = 'us-east-1', around = (cloud) => cloud } = options;
    const memory = options.memory ?? (await openMemoryCloud());
    const keys: AccessKey[] = [...(options.keys ?? [])];
    for (const name of keys.length > 0 ? [] : ['owner', 'other']) {
      const account = await memory.accounts.addAccount(name);
      if ('rejected' in account) throw new Error(account.rejected);
      keys.push(account);
    }
    const watch = new BodyWatch(systemClock);
    const logged: object[] = [];
    const gateway = createS3Gateway({
      cloud: around(memory.cloud),
      clock: systemClock,
      random: systemRandom,
      region,
      ...(options.destinations && { destinations: options.destinations }),
      watch,
      ...(options.ownership !== undefined && { ownership: options.ownership }),
      logger: { error: (fields) => logged.push(fields) },
    });
    const { handler, failed } = gateway;
    const server = createHttpServer({ handler, failed, watch, clock: systemClock, random: systemRandom });
    const port = await server.listen(0, '127.0.0.1');
    const stop = async () => {
      watch.stop();
      await server.close();
      await memory.close();
    };
    return new S3Server({ memory, port, region, keys, logged, stop });
  }

  /** A further client of the account `owner`. */
  with(config: S3ClientConfig): S3Client {
    return new S3Client({ ...this.#config, ...config });
  }

  /** Signed by the SDK as it is given, by default with the key of `owner`; the answer as it came. */
  async raw(raw: RawRequest, credentials?: AccessKey): Promise<RawAnswer> {
    let answer: RawAnswer | undefined;
    const carrier = this.with({
      ...(credentials && { credentials }),
      requestHandler: {
        handle: async (signed: SignedHttpRequest) => {
          answer = await this.#carry(signed, raw);
          return { response: { statusCode: 200, headers: {} } };
        },
      } as unknown as NonNullable<S3ClientConfig['requestHandler']>,
    });
    carrier.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as SignedHttpRequest;
        request.method = raw.method;
        request.path = raw.path;
        request.query = { ...raw.query };
        request.headers = { ...request.headers, ...raw.headers };
        request.body = raw.body;
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    await carrier.send(new HeadBucketCommand({ Bucket: 'any' }));
    carrier.destroy();
    if (!answer) throw new Error('the SDK sent nothing');
    return answer;
  }

  /** Neither signed nor changed. */
  unsigned(raw: RawRequest): Promise<RawAnswer> {
    const { method, path, query = {}, headers = {}, body } = raw;
    return this.#carry({ method, path, query: { ...query }, headers: { ...headers }, body }, raw);
  }

  #carry(signed: SignedHttpRequest, { body, length }: RawRequest): Promise<RawAnswer> {
    const query = Object.entries(signed.query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    const path = query.length > 0 ? `${signed.path}?${query.join('&')}` : signed.path;
    return new Promise((resolve, reject) => {
      const { port } = new URL(this.endpoint);
      // On the wire, as when it is signed, a header is its UTF-8; node:http writes one byte per character.
      const lines = Object.entries(signed.headers).map(([name, value]) => [name, latin1(value)]);
      const headers = Object.fromEntries(lines);
      const options = { host: '127.0.0.1', port, method: signed.method, path, headers };
      const request = httpRequest({ ...options, agent: false }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          resolve({ status, headers: response.headers, body: Buffer.concat(pieces).toString() });
        });
      });
      request.on('error', reject);
      if (length === undefined) request.setHeader('content-length', Buffer.byteLength(body ?? ''));
      if (length === 'none') {
        request.removeHeader('content-length');
        request.removeHeader('transfer-encoding');
      }
      if (length === 'chunked') request.setHeader('transfer-encoding', 'chunked');
      request.end(body);
    });
  }

  async stop(): Promise<void> {
    this.client.destroy();
    this.other.destroy();
    await this.#stop();
  }
}

const latin1 = (text: string) => Buffer.from(text).toString('latin1');

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** What a failed call of the SDK says. */
export interface SdkFailure {
  readonly name: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

/** The error that `call` ends with: its code and its status. Throws when it does not fail. */
export async function failureOf(call: Promise<unknown>): Promise<string> {
  const failure = await call.then(
    () => undefined,
    (error: SdkFailure) => error,
  );
  if (!failure) throw new Error('it did not fail');
  return `${failure.name} ${failure.$metadata?.httpStatusCode ?? failure.message}`;
}

/** Status and code of an error document. */
export function errorOf({ status, body }: RawAnswer): string {
  return `${/<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? '-'} ${status}`;
}
