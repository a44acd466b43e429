// Owns the writing of Swift's answers: the headers of all of them, its dates, and its two pages without news.

import type { HttpResponse } from '#gateways/edge/http-messages.ts';
import type { SwiftError } from './errors.ts';

/** What an answer needs to know of its request. */
export interface Answering {
  readonly response: HttpResponse;
  readonly transactionId: string;
  readonly crossOrigin?: CrossOrigin | undefined;
}

/** What a page of another origin may know of the answer. */
export interface CrossOrigin {
  /** `*` for any. */
  readonly origin: string;
  /** Names of headers, besides those that are always shown. */
  readonly exposed: readonly string[];
  /** Seconds that a preflight is good for, as text. */
  readonly maxAge: string | undefined;
}

export const TEXT = 'text/plain; charset=utf-8';
export const HTML = 'text/html; charset=UTF-8';
export const JSON_TYPE = 'application/json; charset=utf-8';
export const XML_TYPE = 'application/xml; charset=utf-8';

/** Names and values in turn; add to it. */
export function answerHeaders({ transactionId }: Pick<Answering, 'transactionId'>): string[] {
  return ['X-Trans-Id', transactionId, 'X-Openstack-Request-Id', transactionId];
}

/** Seconds since the epoch with five decimals. */
export const timestamp = (timeMs: number): string => (timeMs / 1_000).toFixed(5);

/** Of an object: the next whole second, so that nothing is ever younger than it says. */
export function lastModifiedMs(timeMs: number): number {
  return Math.ceil(timeMs / 1_000) * 1_000;
}

export const httpDate = (timeMs: number): string => new Date(timeMs).toUTCString();

/** In listings. */
export const isoDate = (timeMs: number): string => new Date(timeMs).toISOString().replace('Z', '000');

const EXPOSED = [
  ...['cache-control', 'content-language', 'content-type', 'expires', 'last-modified', 'pragma', 'etag'],
  ...['x-timestamp', 'x-trans-id', 'x-openstack-request-id'],
];

/** All answers go by here: with what browsers of pages of other origins need to be told. */
export function complete({ crossOrigin }: Answering, headers: string[]): string[] {
  if (!crossOrigin) return headers;
  const { origin, exposed } = crossOrigin;
  const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  const metadata = names.filter((name) => /^x-(container|object)-meta-/.test(name));
  const shown = new Set([...EXPOSED, ...metadata, ...exposed]);
  headers.push('Access-Control-Allow-Origin', origin);
  headers.push('Access-Control-Expose-Headers', [...shown].join(', '));
  if (origin !== '*') headers.push('Vary', 'Origin');
  return headers;
}

export function replyEmpty(call: Answering, status: number, headers = answerHeaders(call)): void {
  if (status !== 204 && status !== 304) headers.push('Content-Length', '0');
  call.response.writeHead(status, complete(call, headers));
  call.response.end();
}

/** With the headers of a body that is not sent. */
export function replyHead(call: Answering, status: number, headers: string[]): void {
  call.response.writeHead(status, complete(call, headers));
  call.response.end();
}

export function replyText(
  call: Answering,
  status: number,
  type: string,
  body: string,
  headers = answerHeaders(call),
): void {
  headers.push('Content-Type', type, 'Content-Length', String(Buffer.byteLength(body)));
  call.response.writeHead(status, complete(call, headers));
  call.response.end(body);
}

/** 201 and 202, as Swift says them. */
export function replyDone(call: Answering, status: 201 | 202, headers = answerHeaders(call)): void {
  if (status === 201) {
    headers.push('Content-Type', HTML);
    replyEmpty(call, status, headers);
    return;
  }
  const body = '<html><h1>Accepted</h1><p>The request is accepted for processing.</p></html>';
  replyText(call, status, HTML, body, headers);
}

export function replyFailure(call: Answering, failure: SwiftError, method: string): void {
  const headers = [...answerHeaders(call), ...failure.headers];
  if (failure.status === 503) headers.push('Retry-After', '1');
  const { type, body } = failure.document();
  if (method === 'HEAD') {
    headers.push('Content-Type', type);
    replyHead(call, failure.status, headers);
    return;
  }
  replyText(call, failure.status, type, body, headers);
}
