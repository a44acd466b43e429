// Owns one keep-alive connection of the load generator: the smallest HTTP/1.1 client that can sign and
// verify, so that the measured cost is the server's. It relies on the server's Content-Length and never
// pipelines.

import { createHash, createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Answer {
  readonly status: number;
  readonly bytes: number;
  /** The body, where it was asked for. */
  readonly body: Buffer | undefined;
  /** Whether the body equals what was expected. */
  readonly matches: boolean;
}

interface Pending {
  readonly expected: Buffer | undefined;
  readonly keep: Buffer[] | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  status: number;
  left: number;
  bytes: number;
  matches: boolean;
}

const EMPTY = Buffer.alloc(0);
const SIGNED_HEADERS = 'host;x-amz-content-sha256;x-amz-date';

export class S3Connection {
  readonly #target: Target;
  #socket: Socket | undefined;
  #pending: Pending | undefined;
  #head: Buffer = EMPTY;
  #inBody = false;

  constructor(target: Target) {
    this.#target = target;
  }

  async open(): Promise<void> {
    const socket = connect({ host: this.#target.host, port: this.#target.port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('error', (error) => this.#pending?.reject(error));
    socket.on('close', () => this.#pending?.reject(new Error('connection closed')));
    this.#socket = socket;
  }

  close(): void {
    this.#socket?.destroy();
  }

  /** @param expected what the body must be; without it, `keep` hands the body out. */
  request(
    method: string,
    path: string,
    query: string,
    body: Buffer = EMPTY,
    expected?: Buffer,
    keep = false,
  ): Promise<Answer> {
    const socket = this.#socket;
    if (!socket) throw new Error('the connection is not open');
    const head = this.#headOf(method, path, query, body);
    return new Promise((resolve, reject) => {
      const kept = keep ? [] : undefined;
      this.#pending = { expected, keep: kept, resolve, reject, status: 0, left: 0, bytes: 0, matches: true };
      socket.cork();
      socket.write(head, 'latin1');
      if (body.length > 0) socket.write(body);
      socket.uncork();
    });
  }

  #headOf(method: string, path: string, query: string, body: Buffer): string {
    const { host, port, accessKey, secretKey } = this.#target;
    const stamp = stampOfNow();
    const day = stamp.slice(0, 8);
    const payload = body.length > 0 ? 'UNSIGNED-PAYLOAD' : createHash('sha256').update(body).digest('hex');
    const canonical =
      `${method}\n${path}\n${query}\nhost:${host}:${port}\nx-amz-content-sha256:${payload}\n` +
      `x-amz-date:${stamp}\n\n${SIGNED_HEADERS}\n${payload}`;
    const scope = `${day}/us-east-1/s3/aws4_request`;
    const digest = createHash('sha256').update(canonical).digest('hex');
    const signature = createHmac('sha256', signingKey(secretKey, day))
      .update(`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${digest}`)
      .digest('hex');
    return (
      `${method} ${path}${query ? `?${query}` : ''} HTTP/1.1\r\nHost: ${host}:${port}\r\n` +
      `x-amz-content-sha256: ${payload}\r\nx-amz-date: ${stamp}\r\nAuthorization: AWS4-HMAC-SHA256 ` +
      `Credential=${accessKey}/${scope}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}\r\n` +
      `${method === 'PUT' || body.length > 0 ? `Content-Length: ${body.length}\r\n` : ''}\r\n`
    );
  }

  #receive(bytes: Buffer): void {
    const pending = this.#pending;
    if (!pending) return;
    let rest = bytes;
    if (!this.#inBody) {
      this.#head = this.#head.length > 0 ? Buffer.concat([this.#head, bytes]) : bytes;
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#head.toString('latin1', 0, end);
      rest = this.#head.subarray(end + 4);
      this.#head = EMPTY;
      pending.status = Number(head.slice(9, 12));
      pending.left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      this.#inBody = true;
    }
    if (rest.length > 0) this.#take(pending, rest);
    if (pending.left > 0) return;
    this.#inBody = false;
    this.#pending = undefined;
    const { status, bytes: total, keep, matches } = pending;
    pending.resolve({ status, bytes: total, body: keep && Buffer.concat(keep), matches });
  }

  #take(pending: Pending, bytes: Buffer): void {
    const { expected, keep } = pending;
    if (expected) {
      const end = pending.bytes + bytes.length;
      if (end > expected.length || bytes.compare(expected, pending.bytes, end) !== 0) pending.matches = false;
    }
    keep?.push(Buffer.from(bytes));
    pending.bytes += bytes.length;
    pending.left -= bytes.length;
  }
}

let stamp = '';
let stampAtMs = 0;

function stampOfNow(): string {
  const now = Date.now();
  if (now - stampAtMs >= 1_000) {
    stampAtMs = now;
    stamp = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '');
  }
  return stamp;
}

const keys = new Map<string, Buffer>();

function signingKey(secret: string, day: string): Buffer {
  const known = keys.get(day);
  if (known) return known;
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), 'us-east-1'), 's3'), 'aws4_request');
  keys.set(day, key);
  return key;
}
