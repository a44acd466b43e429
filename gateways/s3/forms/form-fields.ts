// Owns the reading of a form of S3's up to its file, and what the fields say of the object, as the headers
// that would say it. Guarantee: what comes before the file is bounded; the file is not read here.

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import type { FormPart } from '#gateways/edge/form-parts.ts';
import { S3Error } from '../errors.ts';
import { checkKey } from '../keys.ts';

export interface Form {
  /** By lower-case name, the key with its file name filled in. */
  readonly fields: ReadonlyMap<string, string>;
  readonly file: AsyncIterable<Buffer>;
}

/** @throws S3Error InvalidArgument, MalformedPOSTRequest, MaxPostPreDataLengthExceededError */
export async function formOf(parts: AsyncIterator<FormPart>): Promise<Form> {
  const fields = new Map<string, string>();
  let sizeBytes = 0;
  for (let count = 0; ; count++) {
    const { value: part, done } = await parts.next();
    if (done) throw oneFile();
    const name = (part.disposition.get('name') ?? '').toLowerCase();
    if (name === 'file') {
      return { fields: withFileName(fields, part.disposition.get('filename') ?? ''), file: part.body };
    }
    if (count >= limits.s3FormFields) throw new S3Error('MaxPostPreDataLengthExceededError');
    const pieces: Buffer[] = [];
    sizeBytes += name.length;
    for await (const piece of part.body) {
      sizeBytes += piece.length;
      if (sizeBytes > limits.s3FormFieldsBytes) throw new S3Error('MaxPostPreDataLengthExceededError');
      // What is kept must not keep all that it came with.
      pieces.push(Buffer.from(piece));
    }
    if (name === '') continue;
    if (fields.has(name)) throw repeated(name);
    fields.set(name, Buffer.concat(pieces).toString());
  }
}

export const notAForm = (): S3Error => new S3Error('MalformedPOSTRequest');

function oneFile(): S3Error {
  return new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.', {
    ArgumentName: 'file',
    ArgumentValue: '0',
  });
}

function repeated(name: string): S3Error {
  const message = `The field ${name} must be given only once.`;
  return new S3Error('InvalidArgument', message, { ArgumentName: name });
}

function withFileName(fields: Map<string, string>, path: string): ReadonlyMap<string, string> {
  // Some browsers say where the file lies with them.
  const fileName = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const key = (fields.get('key') ?? '').replace(/\$\{filename\}/g, () => fileName);
  if (key === '') {
    throw new S3Error(
      'InvalidArgument',
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the " +
        'fields.',
      { ArgumentName: 'key', ArgumentValue: '' },
    );
  }
  checkKey(key);
  return fields.set('key', key);
}

const HEADERS = [
  ...['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language'],
  ...['expires', 'content-md5'],
];

/** As a request would have them: one character for each byte. */
export function headersOf(fields: ReadonlyMap<string, string>): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (const [name, value] of fields) {
    const header = name === 'acl' ? 'x-amz-acl' : name;
    if (!HEADERS.includes(header) && !header.startsWith('x-amz-')) continue;
    headers[header] = Buffer.from(value).toString('latin1');
  }
  return headers;
}
