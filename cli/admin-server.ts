// Owns the admin port: `/healthz` says 200 only while every part can serve, `/metrics` speaks Prometheus'
// text format. Neither tells anything about what is stored.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { limits } from '#core/kernel/limits.ts';

/** Of each part `ok`, or in one phrase what is wrong with it. */
export type Health = Readonly<Record<string, string>>;

export interface AdminServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  health(): Health | Promise<Health>;
  readonly metrics: Registry;
}

export interface AdminServer {
  /** Without a slash at its end. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** A registry that has the process' own figures: memory, event loop lag, collections. */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: limits.httpHeaderBytes,
      headersTimeout: limits.httpHeadersTimeoutMs,
      keepAliveTimeout: limits.httpIdleTimeoutMs,
    },
    (request, response) => {
      route(options, request.method ?? '', request.url ?? '', response).catch(() =>
        send(response, 500, 'text/plain', 'the figures could not be gathered\n'),
      );
    },
  );
  server.maxConnections = limits.httpConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    endpoint: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function route(
  options: AdminServerOptions,
  method: string,
  url: string,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?', 1)[0];
  if (method !== 'GET' && method !== 'HEAD') return send(response, 405, 'text/plain', 'GET only\n');
  if (path === '/healthz') {
    const parts = await healthOf(options);
    const ok = Object.values(parts).every((part) => part === 'ok');
    return send(response, ok ? 200 : 503, 'application/json', `${JSON.stringify({ ok, parts })}\n`);
  }
  if (path === '/metrics') {
    return send(response, 200, options.metrics.contentType, await options.metrics.metrics());
  }
  send(response, 404, 'text/plain', 'here are /healthz and /metrics\n');
}

async function healthOf(options: AdminServerOptions): Promise<Health> {
  try {
    return await options.health();
  } catch {
    return { health: 'cannot be judged' };
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
