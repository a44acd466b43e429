// Owns a stand-in for EventStoreDB: the few calls of its gRPC protocol that the adapter's client makes, on
// streams in memory. It proves how the adapter uses its client, not what EventStoreDB does: that is for
// eventstore-log.engines.test.ts.

import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { MIB } from '#core/kernel/limits.ts';

const BACKWARDS = 1;

export class EventStoreStandIn {
  readonly #streams = new Map<string, Buffer[]>();
  /** Tells of each event of a stream, by the stream's name. */
  readonly #written = new EventEmitter().setMaxListeners(0);
  #server = new Server();
  #port = 0;
  /** While true no call is answered. */
  hangs = false;

  static async start(): Promise<EventStoreStandIn> {
    const standIn = new EventStoreStandIn();
    await standIn.#listen();
    return standIn;
  }

  address(name: string): string {
    return `esdb://127.0.0.1:${this.#port}/${name}?tls=false`;
  }

  /** Cuts every connection; what was written stays. */
  async restart(): Promise<void> {
    this.#server.forceShutdown();
    await this.#listen();
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #listen(): Promise<void> {
    this.#server = new Server({ 'grpc.max_receive_message_length': 17 * MIB });
    this.#server.addService(streamsGrpc.StreamsService, {
      append: this.#append,
      batchAppend: (call: ServerDuplexStream<unknown, unknown>) => call.destroy(new Error('not offered')),
      read: this.#read,
      delete: refuse,
      tombstone: refuse,
    });
    const insecure = ServerCredentials.createInsecure();
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.#port}`, insecure, (error, port) => {
        if (error) return reject(error);
        this.#port = port;
        resolve();
      });
    });
  }

  #stream(name: string): Buffer[] {
    const known = this.#streams.get(name);
    if (known) return known;
    const fresh: Buffer[] = [];
    this.#streams.set(name, fresh);
    return fresh;
  }

  readonly #append = (
    call: ServerReadableStream<pb.AppendReq, pb.AppendResp>,
    answer: sendUnaryData<pb.AppendResp>,
  ): void => {
    let name = '';
    const proposed: Buffer[] = [];
    call.on('data', (request: pb.AppendReq) => {
      const options = request.getOptions();
      if (options) name = nameOf(options.getStreamIdentifier());
      const message = request.getProposedMessage();
      if (message) proposed.push(Buffer.from(message.getData_asU8()));
    });
    call.on('end', () => {
      if (this.hangs) return;
      const stream = this.#stream(name);
      stream.push(...proposed);
      this.#written.emit(name);
      const success = new pb.AppendResp.Success();
      success.setCurrentRevision(String(stream.length - 1));
      success.setNoPosition(new shared.Empty());
      const response = new pb.AppendResp();
      response.setSuccess(success);
      answer(null, response);
    });
  };

  readonly #read = (call: ServerWritableStream<pb.ReadReq, pb.ReadResp>): void => {
    if (this.hangs) return;
    const options = call.request.getOptions() as pb.ReadReq.Options;
    const from = options.getStream() as pb.ReadReq.Options.StreamOptions;
    const name = nameOf(from.getStreamIdentifier());
    if (options.hasSubscription()) this.#subscribe(call, name, from);
    else if (options.getReadDirection() === BACKWARDS) this.#readLast(call, name);
    else call.destroy(new Error('the stand-in reads backwards or follows'));
  };

  #readLast(call: ServerWritableStream<pb.ReadReq, pb.ReadResp>, name: string): void {
    const stream = this.#stream(name);
    const last = stream.at(-1);
    if (last) call.write(eventOf(name, stream.length - 1, last));
    else {
      const identifier = new shared.StreamIdentifier();
      identifier.setStreamName(Buffer.from(name));
      const missing = new pb.ReadResp.StreamNotFound();
      missing.setStreamIdentifier(identifier);
      const response = new pb.ReadResp();
      response.setStreamNotFound(missing);
      call.write(response);
    }
    call.end();
  }

  #subscribe(
    call: ServerWritableStream<pb.ReadReq, pb.ReadResp>,
    name: string,
    from: pb.ReadReq.Options.StreamOptions,
  ): void {
    const confirmation = new pb.ReadResp.SubscriptionConfirmation();
    confirmation.setSubscriptionId(randomUUID());
    const response = new pb.ReadResp();
    response.setConfirmation(confirmation);
    call.write(response);
    // A revision is the last one that the client knows.
    let next = from.hasStart() ? 0 : Number(from.getRevision()) + 1;
    const stream = this.#stream(name);
    const send = () => {
      for (; next < stream.length; next++) call.write(eventOf(name, next, stream[next] as Buffer));
    };
    this.#written.on(name, send);
    call.on('cancelled', () => this.#written.off(name, send));
    send();
  }
}

function nameOf(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();
}

function eventOf(name: string, revision: number, data: Buffer): pb.ReadResp {
  const id = new shared.UUID();
  id.setString(randomUUID());
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(name));
  const recorded = new pb.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(id);
  recorded.setStreamIdentifier(identifier);
  recorded.setStreamRevision(String(revision));
  recorded.getMetadataMap().set('type', 'StrataRecord');
  recorded.getMetadataMap().set('content-type', 'application/octet-stream');
  recorded.getMetadataMap().set('created', '0');
  recorded.setData(data);
  const event = new pb.ReadResp.ReadEvent();
  event.setEvent(recorded);
  const response = new pb.ReadResp();
  response.setEvent(event);
  return response;
}

function refuse(_call: unknown, answer: sendUnaryData<never>): void {
  answer(new Error('not offered'));
}
