// Owns the writing of answers. Budget of a small object: one header list, one write to the socket, no copy
// but the one into that write.

import type { Clock } from '#core/kernel/clock.ts';
import type { HttpResponse } from '#gateways/edge/http-messages.ts';
import type { S3Failure } from './errors.ts';
import type { TextBlocks } from './text-blocks.ts';
import { XmlWriter } from './xml.ts';

/** What an answer needs to know of its request. */
export interface Answering {
  readonly gateway: { readonly hostId: string; readonly clock: Clock };
  readonly response: HttpResponse;
  readonly requestId: string;
  /** Further headers, names and values in turn. */
  readonly crossOrigin?: readonly string[] | undefined;
}

const XML_TYPE = 'application/xml';

let dateSecond = -1;
let dateText = '';

/** IMF-fixdate (RFC 9110, section 5.6.7); made once a second. */
function dateOf(nowMs: number): string {
  const second = Math.floor(nowMs / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = httpDate(nowMs);
  }
  return dateText;
}

export function httpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const SECOND_CHARACTERS = '00:00:00.000Z'.length;
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

let isoDay = -1;
let isoDayText = '';

/** In documents: whole seconds, as everywhere in S3. Objects of one listing are mostly of few days. */
export function isoDate(timeMs: number): string {
  const day = Math.floor(timeMs / DAY_MS);
  if (day !== isoDay) {
    isoDay = day;
    isoDayText = new Date(day * DAY_MS).toISOString().slice(0, -SECOND_CHARACTERS);
  }
  const seconds = Math.floor((timeMs - day * DAY_MS) / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = TWO_DIGITS[Math.floor(minutes / 60)];
  return `${isoDayText}${hours}:${TWO_DIGITS[minutes % 60]}:${TWO_DIGITS[seconds % 60]}.000Z`;
}

/** The headers of every answer, names and values in turn; add to it. */
export function answerHeaders(call: Answering): string[] {
  const headers = [
    'x-amz-id-2',
    call.gateway.hostId,
    'x-amz-request-id',
    call.requestId,
    'Date',
    dateOf(call.gateway.clock.nowMs()),
    'Server',
    'Strata',
  ];
  if (call.crossOrigin) headers.push(...call.crossOrigin);
  return headers;
}

/** An answer without a body. */
export function replyEmpty(call: Answering, status: number, headers = answerHeaders(call)): void {
  if (status !== 204 && status !== 304) headers.push('Content-Length', '0');
  call.response.writeHead(status, headers);
  call.response.end();
}

/** The answer to a HEAD, whose Content-Length is that of the body it does not have. */
export function replyHead(call: Answering, status: number, headers: string[]): void {
  call.response.writeHead(status, headers);
  call.response.end();
}

export function replyXml(call: Answering, document: string, headers = answerHeaders(call)): void {
  replyText(call, 200, document, headers);
}

/** A document that is too long for one string. */
export function replyXmlBlocks(call: Answering, document: TextBlocks): void {
  const headers = answerHeaders(call);
  headers.push('Content-Type', XML_TYPE, 'Content-Length', String(document.sizeBytes));
  call.response.writeHead(200, headers);
  document.writeTo(call.response);
  call.response.end();
}

export function replyText(
  call: Answering,
  status: number,
  document: string,
  headers: string[],
  type = XML_TYPE,
): void {
  headers.push('Content-Type', type, 'Content-Length', String(Buffer.byteLength(document)));
  call.response.writeHead(status, headers);
  call.response.end(document);
}

/** The error document; a HEAD gets its headers only. */
export function replyFailure(call: Answering, failure: S3Failure, method: string, resource: string): void {
  const headers = answerHeaders(call);
  if (failure.headers) headers.push(...failure.headers);
  if (failure.status === 503) headers.push('Retry-After', '1');
  if (method === 'HEAD') {
    headers.push('Content-Type', XML_TYPE);
    replyHead(call, failure.status, headers);
    return;
  }
  replyText(call, failure.status, failureDocument(call, failure, resource), headers);
}

export function failureDocument(call: Answering, failure: S3Failure, resource: string): string {
  const xml = new XmlWriter('Error', '').element('Code', failure.code).element('Message', failure.message);
  for (const name in failure.details) xml.element(name, failure.details[name] ?? '');
  return xml
    .element('Resource', resource)
    .element('RequestId', call.requestId)
    .element('HostId', call.gateway.hostId)
    .document();
}

const SLOW_ANSWER_MS = 10_000;

/**
 * The answer of an operation that may take long. After ten seconds it begins with a 200 and goes on with
 * white
 * space, so that the client does not give up; what goes wrong later is an error document under that 200, as
 * in S3's
 * CopyObject and CompleteMultipartUpload.
 * @param failed makes the error document of what `work` threw
 */
export async function replyWhenDone(
  call: Answering,
  work: Promise<{ readonly document: string; readonly headers?: readonly string[] }>,
  failed: (error: unknown) => string,
): Promise<void> {
  const waiting = new AbortController();
  const done = work.finally(() => waiting.abort());
  // The outcome is awaited below; a failure before that must not count as unhandled.
  done.catch(() => undefined);
  await call.gateway.clock.sleep(SLOW_ANSWER_MS, waiting.signal);
  if (waiting.signal.aborted) {
    const { document, headers = [] } = await done;
    replyXml(call, document, [...answerHeaders(call), ...headers]);
    return;
  }
  const { response } = call;
  response.writeHead(200, [...answerHeaders(call), 'Content-Type', XML_TYPE]);
  const declarationEnd = '?>\n';
  response.write(`<?xml version="1.0" encoding="UTF-8"${declarationEnd}`);
  while (!waiting.signal.aborted && !response.destroyed) {
    response.write(' ');
    await call.gateway.clock.sleep(SLOW_ANSWER_MS, waiting.signal);
  }
  const document = await done.then((answer) => answer.document, failed);
  response.end(document.slice(document.indexOf(declarationEnd) + declarationEnd.length));
}
