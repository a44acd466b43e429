// Owns a gateway's end of the wire to one node, over the connections that come and go. Guarantees that every
// call settles within its time, whatever becomes of the node, and that no more calls wait than there may be.
// Calls wait while the node is being connected to, and fail at once while it is known to be out of reach.

import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { pingCall, type WireCall } from './calls.ts';
import { ClientConnection } from './client-connection.ts';
import type { NodeConnection, NodeConnectionOptions, PingAnswer } from './node-wire.ts';
import type { Payload } from './payload.ts';
import { PendingCall } from './pending-call.ts';
import { RemoteChunks } from './remote-chunks.ts';
import { everyTick } from './ticks.ts';

export function connectNode(options: NodeConnectionOptions): NodeConnection {
  return new Connection(options);
}

class Connection implements NodeConnection {
  readonly options: NodeConnectionOptions;
  readonly callMs: number;
  readonly #devices = new Map<number, RemoteChunks>();
  /** The connection in use, or whose hands are being shaken. */
  #current: ClientConnection | undefined;
  /** Calls that wait for the connection being made. */
  #waiting: PendingCall[] = [];
  /** Why the node cannot be reached; undefined while it is connected to, or not known to be away. */
  #away: Fault | undefined;
  readonly #closing = new AbortController();
  readonly #running: Promise<unknown>;
  #reason = '';
  /** Frames of the live connection at the last look, and when they became that many. */
  #frames = 0;
  #heardMs = 0;
  #isPinging = false;

  constructor(options: NodeConnectionOptions) {
    this.options = options;
    this.callMs = options.callMs ?? limits.wireCallMs;
    const ticking = everyTick(options.clock, this.#closing.signal, (nowMs) => this.#tick(nowMs));
    this.#running = Promise.all([this.#run(), ticking]);
  }

  get connected(): boolean {
    return this.#current?.isOpen === true;
  }

  device(deviceId: number): RemoteChunks {
    const known = this.#devices.get(deviceId);
    if (known !== undefined) return known;
    const device = new RemoteChunks(this, deviceId);
    this.#devices.set(deviceId, device);
    return device;
  }

  call<Arguments, Result>(
    row: WireCall<Arguments, Result>,
    deviceId: number,
    given: Arguments,
    payload?: Payload,
    target?: Uint8Array,
  ): Promise<Result> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedFault());
    if (this.#away !== undefined) return Promise.reject(this.#away);
    const deadlineMs = this.options.clock.monotonicMs() + this.callMs;
    const untyped = row as WireCall<unknown, unknown>;
    const call = new PendingCall(untyped, deviceId, given, payload, target, deadlineMs);
    if (this.#current?.isOpen) this.#issue(this.#current, call);
    else if (this.#waiting.length < limits.wireCalls) this.#waiting.push(call);
    else call.reject(new Fault('busy', 'too many calls wait for one node'));
    return call.settled as Promise<Result>;
  }

  async ping(): Promise<PingAnswer> {
    const { clock } = this.options;
    const startedMs = clock.monotonicMs();
    const nowMs = await this.call(pingCall, 0, undefined);
    return { nowMs, roundTripMs: clock.monotonicMs() - startedMs };
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort();
      this.#current?.goodbye('the gateway closes the connection', this.#closedFault());
      this.#failWaiting(this.#closedFault());
    }
    await this.#running;
  }

  /** Connects, again and again, until it is closed. */
  async #run(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const live = await this.#connect();
      if (live !== undefined) {
        this.#issueWaiting(live);
        await live.ended;
        this.#reason = live.reason;
      }
      const livedMs = live === undefined ? 0 : clock.monotonicMs() - startedMs;
      failures = livedMs >= limits.wireRetryMaxMs ? 0 : failures + 1;
      // One that is lost is made anew at once, but one that is lost again and again is no better than none.
      if (signal.aborted || (live !== undefined && failures <= 1)) continue;
      const { node, address } = this.options;
      this.#away = new Fault('unreachable', `node ${node} at ${address} cannot be reached: ${this.#reason}`);
      this.#failWaiting(this.#away);
      await clock.sleep(this.#pauseMs(failures), signal);
      this.#away = undefined;
    }
  }

  /** A connection whose node has proven who it is; undefined when there is none to be had now. */
  async #connect(): Promise<ClientConnection | undefined> {
    const { network, address, credentials, clock } = this.options;
    const { signal } = this.#closing;
    const giveUp = new AbortController();
    const done = new AbortController();
    const stop = () => giveUp.abort();
    signal.addEventListener('abort', stop, { once: true });
    void clock.sleep(limits.wireHandshakeMs, done.signal).then(stop);
    try {
      const tls = 'tls' in credentials ? { tls: credentials.tls } : undefined;
      const socket = await network.connect(address, { ...tls, signal: giveUp.signal });
      const connection = new ClientConnection(this.options, this.callMs, socket);
      this.#current = connection;
      if (signal.aborted) connection.destroy('it is not wanted any more');
      if (await connection.opened) return connection;
      this.#reason = connection.reason;
    } catch (error) {
      this.#reason = error instanceof Error ? error.message : String(error);
    } finally {
      done.abort();
      signal.removeEventListener('abort', stop);
    }
    return undefined;
  }

  #issueWaiting(live: ClientConnection): void {
    this.#frames = live.frames;
    this.#heardMs = this.options.clock.monotonicMs();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) this.#issue(live, call);
  }

  #tick(nowMs: number): void {
    this.#current?.tick(nowMs);
    if (this.#current?.isOpen) this.#listen(this.#current, nowMs);
    while (this.#waiting.length > 0 && (this.#waiting[0] as PendingCall).deadlineMs <= nowMs)
      this.#waiting
        .shift()
        ?.reject(new Fault('timeout', `node ${this.options.node} was not reached in time`));
  }

  /** A node that has not been heard of for a while is asked whether it is there. */
  #listen(live: ClientConnection, nowMs: number): void {
    if (live.frames !== this.#frames) {
      this.#frames = live.frames;
      this.#heardMs = nowMs;
    }
    if (this.#isPinging || nowMs - this.#heardMs < limits.wirePingMs) return;
    this.#isPinging = true;
    const done = () => {
      this.#isPinging = false;
    };
    this.ping().then(done, done);
  }

  #issue(live: ClientConnection, call: PendingCall): void {
    try {
      live.issue(call);
    } catch (error) {
      call.reject(error);
    }
  }

  #failWaiting(fault: Fault): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call.reject(fault);
  }

  /** Longer with each failure, and never the same for all who wait for a node to come back. */
  #pauseMs(failures: number): number {
    const longestMs = Math.min(limits.wireRetryMaxMs, limits.wireRetryMinMs * 2 ** Math.min(failures, 20));
    return longestMs * (0.5 + this.options.random.next() / 2);
  }

  #closedFault(): Fault {
    return new Fault('closed', `the connection to node ${this.options.node} is closed`);
  }
}
