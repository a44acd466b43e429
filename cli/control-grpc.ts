// Owns the transport of the control services: gRPC with every call signed by the cluster's secret, over
// mutual TLS where certificates are given. Guarantee: no handler is reached by a call that is not signed, and
// no stack leaves the process.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { TlsIdentity } from '#core/kernel/network.ts';
import type { CallSigner } from './cluster-secret.ts';
import { CommandFailed, explain } from './failure.ts';

export interface ControlTransport {
  readonly signer: CallSigner;
  readonly clock: Clock;
  readonly tls?: TlsIdentity | undefined;
}

type Method = MethodDefinition<object, object>;

/** Beside the sources and beside the bundle alike. */
const PROTOS = fileURLToPath(new URL('../proto', import.meta.url));

function serviceOf(file: string, name: string): ServiceDefinition {
  const loaded = loadSync(file, { includeDirs: [PROTOS], longs: Number, defaults: true, arrays: true });
  return loaded[name] as ServiceDefinition;
}

export const clusterService = serviceOf('strata/control/v1/cluster.proto', 'strata.control.v1.Cluster');
export const nodeService = serviceOf('strata/control/v1/node.proto', 'strata.control.v1.NodeControl');
export const healthService = serviceOf('grpc/health/v1/health.proto', 'grpc.health.v1.Health');

/** A method with one answer, or one with a stream of them that ends when the caller went away. */
export type Handler =
  | { readonly once: (request: never) => Promise<object> }
  | { readonly stream: (request: never, signal: AbortSignal) => AsyncIterable<object> };

export interface ServedService {
  readonly service: ServiceDefinition;
  /** By the method's name in the .proto file. */
  readonly handlers: Readonly<Record<string, Handler>>;
  /** Whoever may connect may call: health checks alone. */
  readonly unsigned?: boolean;
}

export interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function serveControlCalls(
  options: ControlTransport & { host: string; port: number; services: readonly ServedService[] },
): Promise<ControlServer> {
  const server = new Server({ 'grpc.max_receive_message_length': limits.controlMessageBytes });
  for (const served of options.services) {
    server.addService(served.service, implementationOf(served, options));
  }
  const { tls, host } = options;
  const secured = tls
    ? ServerCredentials.createSsl(
        Buffer.from(tls.authority),
        [{ cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) }],
        true,
      )
    : ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    const address = `${host.includes(':') ? `[${host}]` : host}:${options.port}`;
    server.bindAsync(address, secured, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    async close() {
      server.forceShutdown();
    },
  };
}

function implementationOf(served: ServedService, transport: ControlTransport): UntypedServiceImplementation {
  const implementation: UntypedServiceImplementation = {};
  for (const [name, handler] of Object.entries(served.handlers)) {
    const { path } = served.service[name] as Method;
    const refusal = (metadata: Metadata) =>
      served.unsigned ? undefined : unsignedCall(transport, path, metadata);
    implementation[name] = 'once' in handler ? answering(handler, refusal) : streaming(handler, refusal);
  }
  return implementation;
}

type Refusal = (metadata: Metadata) => Partial<ServiceError> | undefined;

function answering(handler: Extract<Handler, { once: unknown }>, refusal: Refusal) {
  return (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => {
    const refused = refusal(call.metadata);
    if (refused) return answer(refused);
    handler.once(call.request as never).then(
      (reply) => answer(null, reply),
      (error) => answer(failureOf(error)),
    );
  };
}

function streaming(handler: Extract<Handler, { stream: unknown }>, refusal: Refusal) {
  return async (call: ServerWritableStream<object, object>) => {
    const refused = refusal(call.metadata);
    if (refused) {
      call.destroy(refused as ServiceError);
      return;
    }
    const gone = new AbortController();
    call.once('cancelled', () => gone.abort()).once('close', () => gone.abort());
    try {
      for await (const message of handler.stream(call.request as never, gone.signal)) {
        if (gone.signal.aborted) return;
        if (!call.write(message)) await once(call, 'drain', { signal: gone.signal });
      }
      call.end();
    } catch (error) {
      if (!gone.signal.aborted) call.destroy(failureOf(error) as ServiceError);
    }
  };
}

function unsignedCall(transport: ControlTransport, path: string, metadata: Metadata) {
  const timeMs = Number(metadata.get('strata-time')[0]);
  const mac = String(metadata.get('strata-mac')[0] ?? '');
  if (transport.signer.isSigned(path, timeMs, mac, transport.clock.nowMs())) return undefined;
  const details = 'the call is not signed with the secret of this cluster, or by a clock that is far off';
  return { code: status.UNAUTHENTICATED, details };
}

function failureOf(error: unknown): Partial<ServiceError> {
  if (error instanceof CommandFailed) return { code: status.FAILED_PRECONDITION, details: error.message };
  if (error instanceof Fault) return { code: status.UNAVAILABLE, details: error.message };
  return { code: status.INTERNAL, details: 'the program could not do it; its log says why' };
}

/** Calls one service at one address; connects when it is first used, and again when it must. */
export class ControlCaller {
  readonly address: string;
  readonly #service: ServiceDefinition;
  readonly #transport: ControlTransport;
  readonly #client: Client;

  constructor(service: ServiceDefinition, address: string, transport: ControlTransport) {
    this.address = address;
    this.#service = service;
    this.#transport = transport;
    const { tls } = transport;
    const secured = tls
      ? credentials.createSsl(
          ...([tls.authority, tls.key, tls.certificate].map((pem) => Buffer.from(pem)) as [
            Buffer,
            Buffer,
            Buffer,
          ]),
        )
      : credentials.createInsecure();
    this.#client = new Client(address, secured, CHANNEL);
  }

  /** @throws CommandFailed when the other side refused it for good, Fault `closed` when it did not answer. */
  async call<Reply>(name: string, request: object): Promise<Reply> {
    const { path, requestSerialize, responseDeserialize } = this.#service[name] as Method;
    const deadline = this.#transport.clock.nowMs() + limits.controlCallMs;
    return new Promise((resolve, reject) => {
      const answered = (error: ServiceError | null, reply?: object) =>
        error ? reject(this.#failure(error)) : resolve(reply as Reply);
      const metadata = this.#signed(path);
      this.#client.makeUnaryRequest(
        ...([path, requestSerialize, responseDeserialize, request, metadata] as const),
        { deadline },
        answered,
      );
    });
  }

  /** Ends without error when the signal is aborted. @throws as `call` */
  async *stream<Message>(name: string, request: object, signal: AbortSignal): AsyncGenerator<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#service[name] as Method;
    const metadata = this.#signed(path);
    const stream: ClientReadableStream<object> = this.#client.makeServerStreamRequest(
      ...([path, requestSerialize, responseDeserialize, request, metadata] as const),
    );
    const cancel = () => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of stream) yield message as Message;
    } catch (error) {
      if (!signal.aborted) throw this.#failure(error as ServiceError);
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  close(): void {
    this.#client.close();
  }

  #signed(path: string): Metadata {
    const { signer, clock } = this.#transport;
    const timeMs = clock.nowMs();
    const metadata = new Metadata();
    metadata.set('strata-time', String(timeMs));
    metadata.set('strata-mac', signer.sign(path, timeMs));
    return metadata;
  }

  #failure(error: ServiceError): Error {
    const sentence = error.details || explain(error);
    if (error.code === status.FAILED_PRECONDITION) return new CommandFailed(sentence);
    return new Fault('closed', `${this.address}: ${sentence}`, { cause: error });
  }
}

/** A silent peer is noticed: what is told over a stream may be waited for for days. */
const CHANNEL = {
  'grpc.max_receive_message_length': limits.controlMessageBytes,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_channelz': 0,
};
