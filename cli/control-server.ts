// Owns the server side of the control socket: translates its routes to Operations. Guarantees: only the owner
// of the data directory can connect, a request's body is bounded, and no secret and no stack goes to a log.

import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import type { AccountRole } from '#services/account-admin.ts';
import { controlSocketOf, faultBody, type Line, withSocketPath } from './control-protocol.ts';
import type { Operations, ReportProgress } from './operations.ts';

export interface ControlServer {
  /** Stops listening and ends what is under way. */
  close(): Promise<void>;
}

interface Call {
  readonly operations: Operations;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the route's groups matched, decoded. */
  readonly names: readonly string[];
}

type Handler = (call: Call) => Promise<void>;

const ROUTES: readonly { method: string; path: RegExp; handler: Handler }[] = [
  { method: 'POST', path: /^\/users$/, handler: addUser },
  {
    method: 'GET',
    path: /^\/users$/,
    handler: async ({ operations, response }) => answer(response, await operations.listAccounts()),
  },
  {
    method: 'DELETE',
    path: /^\/users\/([^/]+)$/,
    handler: async ({ operations, response, names }) =>
      answer(response, await operations.removeAccount(names[0] ?? '')),
  },
  {
    method: 'POST',
    path: /^\/users\/([^/]+)\/keys$/,
    handler: async ({ operations, response, names }) =>
      answer(response, await operations.createKey(names[0] ?? '')),
  },
  {
    method: 'DELETE',
    path: /^\/keys\/([^/]+)$/,
    handler: async ({ operations, response, names }) =>
      answer(response, await operations.revokeKey(names[0] ?? '')),
  },
  {
    method: 'POST',
    path: /^\/buckets\/([^/]+)\/keys$/,
    handler: async ({ operations, response, names }) =>
      answer(response, await operations.rotateKey(names[0] ?? '')),
  },
  {
    method: 'POST',
    path: /^\/replay\/([^/]+)$/,
    handler: ({ operations, response, names }) =>
      answerInLines(response, (report) => operations.replay(names[0] ?? '', report)),
  },
  {
    method: 'GET',
    path: /^\/ring$/,
    handler: async ({ operations, response }) => answer(response, await operations.showRing()),
  },
  { method: 'POST', path: /^\/ring\/nodes$/, handler: addNode },
  { method: 'PUT', path: /^\/ring\/weights$/, handler: setWeight },
  { method: 'DELETE', path: /^\/ring\/nodes\/([^/]+)$/, handler: removeNode },
  {
    method: 'POST',
    path: /^\/ring\/rebalance$/,
    handler: ({ operations, response }) => answerInLines(response, (report) => operations.rebalance(report)),
  },
  {
    method: 'GET',
    path: /^\/doctor$/,
    handler: async ({ operations, response }) => answer(response, await operations.doctor()),
  },
];

/** @param dataDirectory must be locked by the caller: a socket left there by a crash is replaced. */
export async function startControlServer(
  dataDirectory: string,
  operations: Operations,
): Promise<ControlServer> {
  const path = controlSocketOf(dataDirectory);
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    handle(operations, request, response).catch((error) => fail(response, error));
  });
  await listenPrivately(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket must never exist with a wider mode, so it is created with the right one.
    const mask = process.umask(0o177);
    try {
      withSocketPath(path, (short) => server.listen(short, () => resolve()));
    } finally {
      process.umask(mask);
    }
  });
}

async function handle(
  operations: Operations,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const { method, path, handler } of ROUTES) {
    const match = path.exec(request.url ?? '/');
    if (!match || method !== request.method) continue;
    const names = namesIn(match);
    if (names) return handler({ operations, request, response, names });
  }
  send(response, 404, { error: 'no such route' });
}

/** What the groups matched, decoded; undefined where that is no URL encoding. */
function namesIn(match: RegExpExecArray): string[] | undefined {
  try {
    return match.slice(1).map((part) => decodeURIComponent(part));
  } catch {
    return undefined;
  }
}

async function addUser({ operations, request, response }: Call): Promise<void> {
  const { name, email, role } = await readFields(request);
  if (typeof name !== 'string' || !isOptionalText(email) || !isRole(role)) {
    return send(response, 400, { error: 'name, email and role must be text' });
  }
  const options = { ...(email !== undefined && { email }), ...(role !== undefined && { role }) };
  answer(response, await operations.addAccount(name, options));
}

async function addNode({ operations, request, response }: Call): Promise<void> {
  const { node, zone, weight } = await readFields(request);
  if (typeof node !== 'string' || !isOptionalText(zone) || typeof weight !== 'number') {
    return send(response, 400, { error: 'node and zone must be text, weight a number' });
  }
  answer(response, await operations.addNode(node, { weight, ...(zone !== undefined && { zone }) }));
}

async function setWeight({ operations, request, response }: Call): Promise<void> {
  const { target, weight } = await readFields(request);
  if (typeof target !== 'string' || typeof weight !== 'number') {
    return send(response, 400, { error: 'target must be text, weight a number' });
  }
  answer(response, await operations.setWeight(target, weight));
}

async function removeNode({ operations, request, response, names }: Call): Promise<void> {
  const { gone } = await readFields(request);
  answer(response, await operations.removeNode(names[0] ?? '', gone === true));
}

const isOptionalText = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';

const isRole = (value: unknown): value is AccountRole | undefined =>
  value === undefined || value === 'admin' || value === 'member';

async function answerInLines(
  response: ServerResponse,
  work: (report: ReportProgress) => Promise<object>,
): Promise<void> {
  const write = (line: Line<object>) => response.write(`${JSON.stringify(line)}\n`);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  try {
    const outcome = await work((progress) => write({ progress }));
    write('rejected' in outcome ? { rejected: String(outcome.rejected) } : { result: outcome });
  } catch (error) {
    write(faultBody(error));
  }
  response.end();
}

function answer(response: ServerResponse, outcome: object | undefined): void {
  if (outcome === undefined) send(response, 204);
  else send(response, 'rejected' in outcome ? 409 : 200, outcome);
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else send(response, 500, faultBody(error));
}

function send(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body && JSON.stringify(body));
}

async function readFields(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const body = await readJson(request);
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    sizeBytes += part.length;
    if (sizeBytes > limits.controlBodyBytes) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return undefined;
  }
}
