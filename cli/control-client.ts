// Owns the client side of the control socket: Operations that the running program carries out.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { ReplayResult } from '#projections/replay.ts';
import type {
  AccountAdminRejection,
  AddAccountOptions,
  ListedAccount,
  NewAccessKey,
  NewAccount,
} from '#services/account-admin.ts';
import type { BucketRejection } from '#services/cloud.ts';
import { controlSocketOf, type FaultBody, faultOf, type Line, withSocketPath } from './control-protocol.ts';
import type { Finding, Operations, Rebalanced, ReportProgress, RingRejection } from './operations.ts';
import type { RingReport } from './ring-report.ts';

/** Undefined where no program is running on this data directory. */
export async function connectControl(dataDirectory: string): Promise<Operations | undefined> {
  const client = new ControlClient(controlSocketOf(dataDirectory));
  return (await client.isRunning()) ? client : undefined;
}

class ControlClient implements Operations {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async isRunning(): Promise<boolean> {
    try {
      const response = await this.#send('GET', '/users');
      response.resume();
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return false;
      throw error;
    }
  }

  addAccount(name: string, options: AddAccountOptions = {}) {
    return this.#call<NewAccount | Rejection<AccountAdminRejection>>('POST', '/users', { name, ...options });
  }

  listAccounts() {
    return this.#call<readonly ListedAccount[]>('GET', '/users');
  }

  removeAccount(name: string) {
    return this.#call<undefined | Rejection<AccountAdminRejection>>(
      'DELETE',
      `/users/${encodeURIComponent(name)}`,
    );
  }

  createKey(name: string) {
    return this.#call<NewAccessKey | Rejection<AccountAdminRejection>>(
      'POST',
      `/users/${encodeURIComponent(name)}/keys`,
    );
  }

  revokeKey(accessKeyId: string) {
    return this.#call<undefined | Rejection<AccountAdminRejection>>(
      'DELETE',
      `/keys/${encodeURIComponent(accessKeyId)}`,
    );
  }

  rotateKey(bucket: string) {
    return this.#call<undefined | Rejection<BucketRejection>>(
      'POST',
      `/buckets/${encodeURIComponent(bucket)}/keys`,
    );
  }

  replay(projection: string, report: ReportProgress) {
    return this.#work<ReplayResult | Rejection<'no-such-projection'>>(
      `/replay/${encodeURIComponent(projection)}`,
      report,
    );
  }

  showRing() {
    return this.#call<RingReport>('GET', '/ring');
  }

  addNode(node: string, options: { zone?: string; weight: number }) {
    return this.#call<undefined | Rejection<RingRejection>>('POST', '/ring/nodes', { node, ...options });
  }

  setWeight(target: string, weight: number) {
    return this.#call<undefined | Rejection<RingRejection>>('PUT', '/ring/weights', { target, weight });
  }

  removeNode(node: string, gone: boolean) {
    return this.#call<undefined | Rejection<RingRejection>>(
      'DELETE',
      `/ring/nodes/${encodeURIComponent(node)}`,
      { gone },
    );
  }

  rebalance(report: ReportProgress) {
    return this.#work<Rebalanced | Rejection<RingRejection>>('/ring/rebalance', report);
  }

  doctor() {
    return this.#call<readonly Finding[]>('GET', '/doctor');
  }

  /** An answer in lines: reports progress until the result comes. */
  async #work<Result>(path: string, report: ReportProgress): Promise<Result> {
    for await (const text of linesOf(await this.#send('POST', path))) {
      const line: Line<Result> = JSON.parse(text);
      if ('progress' in line) report(line.progress);
      else if ('result' in line) return line.result;
      else if ('rejected' in line) return line as Result;
      else throw faultOf(line);
    }
    throw new Fault('closed', 'the running program went away before it was done');
  }

  async #call<Result>(method: string, path: string, body?: object): Promise<Result> {
    const response = await this.#send(method, path, body);
    const parts: Uint8Array[] = [];
    for await (const part of response) parts.push(part);
    const text = Buffer.concat(parts).toString('utf8');
    if (response.statusCode === 204) return undefined as Result;
    const value = JSON.parse(text);
    if (response.statusCode === 200 || response.statusCode === 409) return value;
    if (response.statusCode === 500) throw faultOf(value as FaultBody);
    throw new Fault('closed', `the running program answered ${response.statusCode}: ${text}`);
  }

  #send(method: string, path: string, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      withSocketPath(this.#socket, (socketPath) => {
        // A connection kept for later would not notice that the program has gone.
        const request = httpRequest({ socketPath, method, path, agent: false }, resolve);
        request.once('error', reject);
        const text = body && JSON.stringify(body);
        // Without its length a DELETE would have no body.
        if (text) request.setHeader('content-length', Buffer.byteLength(text));
        request.end(text);
      });
    });
  }
}

function linesOf(response: IncomingMessage): AsyncIterable<string> {
  return createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
}
