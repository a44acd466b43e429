// Owns uploads from a web page (https://docs.openstack.org/swift/latest/middleware.html, "FormPost"): a form
// whose limits are signed with a key of the account or the container. Guarantee: no byte of a file is stored
// before the signature was found to be over what the form says.

import { limits } from '#core/kernel/limits.ts';
import { boundaryOf, type FormPart, FormParts } from '#gateways/edge/form-parts.ts';
import { PulledBody, sourceOf } from '#gateways/edge/pulled-body.ts';
import { requestBody } from '#gateways/edge/request-body.ts';
import { escapeXml } from '#gateways/edge/xml-text.ts';
import { unauthorised } from '../authorise.ts';
import { type SwiftCall, toHeader } from '../call.ts';
import { failureOf, SwiftError } from '../errors.ts';
import { objectHeadersOf } from '../headers.ts';
import { ACCOUNT_PREFIX, ROOT } from '../paths.ts';
import { inTurn } from '../rate-limits.ts';
import { answerHeaders, HTML, replyText } from '../reply.ts';
import { isSignedBy, signatureOf } from '../signatures.ts';
import { keysOf } from '../temp-url.ts';
import { storeBytes } from './write-object.ts';

/** What the form says before its next file. */
type Fields = Map<string, string>;

/** What of it was signed: fields may follow the last file. */
interface Judged {
  redirect?: string;
}

export async function postForm(call: SwiftCall): Promise<void> {
  const { request, response, gateway } = call;
  const source = requestBody(request, response, { watch: gateway.watch, maxBytes: limits.s3PutBytes });
  const body = new PulledBody(source);
  const judged: Judged = {};
  let failure: SwiftError | undefined;
  try {
    const boundary = boundaryOf(request.headers['content-type']) ?? '';
    const parts = new FormParts(body, boundary, (what) => new SwiftError(400, `FormPost: ${what}`));
    await takeParts(call, parts, judged);
  } catch (error) {
    failure = failureOf(error);
    // Only who signed the form said where to send whom; and what is ours to answer for is ours to tell.
    if (judged.redirect === undefined || failure.status >= 500) throw error;
  } finally {
    body.cancel();
  }
  if (judged.redirect) return replyRedirect(call, judged.redirect, failure);
  if (failure) throw failure;
  replyText(call, 201, 'text/plain', '201 Created');
}

async function takeParts(call: SwiftCall, parts: FormParts, judged: Judged): Promise<void> {
  const fields: Fields = new Map();
  const keys = await keysOf(call, call.project, call.container);
  let files = 0;
  for await (const part of parts) {
    const fileName = part.disposition.get('filename');
    if (!fileName) {
      await takeField(part, fields);
      continue;
    }
    files++;
    judge(call, [...keys.account, ...keys.container], fields);
    judged.redirect = fields.get('redirect') ?? '';
    if (files > wholeIn(fields, 'max_file_count')) {
      throw new SwiftError(400, 'FormPost: max file count exceeded');
    }
    await takeFile(call, part, fileName, fields);
  }
  if (files === 0) throw new SwiftError(400, 'FormPost: no files to process');
}

async function takeField({ disposition, body }: FormPart, fields: Fields): Promise<void> {
  const name = (disposition.get('name') ?? '').toLowerCase();
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > limits.swiftFormFieldBytes) throw new SwiftError(400, 'FormPost: a field is too long');
    // What is kept must not keep all that it came with.
    pieces.push(Buffer.from(piece));
  }
  if (fields.size >= limits.swiftFormFields) throw new SwiftError(400, 'FormPost: too many fields');
  if (name !== '') fields.set(name, Buffer.concat(pieces).toString());
}

function wholeIn(fields: Fields, name: string): number {
  const text = fields.get(name) || '0';
  if (!/^\d{1,15}$/.test(text)) throw new SwiftError(400, `FormPost: ${name} not an integer`);
  return Number(text);
}

/** @throws SwiftError 400, 401 */
function judge({ project, container, object, gateway }: SwiftCall, keys: readonly string[], fields: Fields) {
  const isOver = wholeIn(fields, 'expires') * 1_000 < gateway.clock.nowMs();
  if (isOver) throw unauthorised(project, 'FormPost: Form Expired');
  const signature = signatureOf(fields.get('signature') ?? '');
  const said = ['redirect', 'max_file_size', 'max_file_count', 'expires'].map((name) => {
    return fields.get(name) || (name === 'redirect' ? '' : '0');
  });
  const rest = object === '' ? '' : `/${object}`;
  const path = `/v1/${ACCOUNT_PREFIX}${project}/${container}`;
  const texts = ['', ROOT].flatMap((root) =>
    // Of a container both `container` and `container/` are said.
    (object === '' ? ['', '/'] : [rest]).map((end) => [root + path + end, ...said].join('\n')),
  );
  if (!signature || !isSignedBy(signature, keys, texts)) {
    throw unauthorised(project, 'FormPost: Invalid Signature');
  }
}

async function takeFile(call: SwiftCall, part: FormPart, fileName: string, fields: Fields): Promise<void> {
  const { project, container, transactionId, gateway } = call;
  const maxBytes = Math.min(wholeIn(fields, 'max_file_size'), limits.s3PutBytes);
  const said = (name: string) => fields.get(name) ?? part.headers.get(name);
  const headers: Record<string, string> = {};
  for (const name of ['content-type', 'content-encoding']) {
    const value = said(name);
    if (value !== undefined) headers[name] = toHeader(value);
  }
  for (const name of ['x_delete_at', 'x_delete_after']) {
    if (fields.has(name)) headers[name.replaceAll('_', '-')] = String(wholeIn(fields, name));
  }
  const described = objectHeadersOf(headers, gateway.clock.nowMs());
  const caller = {
    accountId: project,
    userId: 'anonymous',
    role: 'member',
    requestId: transactionId,
  } as const;
  const to = { project, container, object: call.object + fileName };
  await inTurn({ ...call, caller }, 'put_object', to);
  await storeBytes(gateway, caller, to, sourceOf(capped(part.body, maxBytes)), described);
}

async function* capped(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > maxBytes) throw new SwiftError(400, 'FormPost: max_file_size exceeded');
    yield piece;
  }
}

function replyRedirect(call: SwiftCall, redirect: string, failure: SwiftError | undefined): void {
  const said = new URLSearchParams({
    status: String(failure?.status ?? 201),
    message: failure ? failure.message.replace(/^FormPost: /, '') : '',
  });
  const target = `${redirect}${redirect.includes('?') ? '&' : '?'}${said}`;
  const headers = [...answerHeaders(call), 'Location', toHeader(target)];
  const link = `<a href="${escapeXml(target)}">Click to continue...</a>`;
  replyText(call, 303, HTML, `<html><body><p>${link}</p></body></html>`, headers);
}
