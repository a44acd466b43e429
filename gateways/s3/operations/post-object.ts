// Owns PostObject ("POST Object", Amazon S3 API Reference): an object out of a browser's form. Guarantee: no
// byte of the file is stored before the policy was found to be signed, and the form to be as it says.

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import { boundaryOf, FormParts } from '#gateways/edge/form-parts.ts';
import { PulledBody, sourceOf } from '#gateways/edge/pulled-body.ts';
import { requestBody } from '#gateways/edge/request-body.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { writingOf } from '../access/asked-grants.ts';
import { authorise, callerOf } from '../access/authorise.ts';
import type { Authenticated } from '../auth/authenticate.ts';
import { signerOf } from '../auth/form-signature.ts';
import { accept, NO_QUERY, type S3Call } from '../call.ts';
import { addChecksumHeaders, BodyChecks } from '../checksums.ts';
import { addEncryption, encryptionOf, etagUnder } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import { type Form, formOf, headersOf, notAForm } from '../forms/form-fields.ts';
import { judgeForm, type PostPolicy, postPolicyOf } from '../forms/policy-document.ts';
import { headerText, objectHeadersOf, refuseUnbuiltHeaders, storageClassOf } from '../headers.ts';
import { answerHeaders, replyEmpty, replyText } from '../reply.ts';
import { addExpiration } from '../settings/lifecycle.ts';
import { objectTagsOf } from '../tags.ts';
import { XmlWriter } from '../xml.ts';

/** What is known of a form before it is read: not yet who sent it. */
export type FormCall = Omit<S3Call, 'auth' | 'caller' | 'headers' | 'query'>;

/** Of who signed the request, and not a form. */
export async function postWithoutForm(): Promise<void> {
  throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: 'Bucket POST must be of the enclosure-type multipart/form-data',
  });
}

export async function postForm(call: FormCall): Promise<void> {
  const { request, response, gateway } = call;
  const maxBytes = limits.s3PutBytes + limits.s3FormFieldsBytes + limits.formHeadBytes;
  const body = new PulledBody(requestBody(request, response, { watch: gateway.watch, maxBytes }));
  try {
    const parts = new FormParts(body, boundaryOf(request.headers['content-type']) ?? '', notAForm);
    const form = await formOf(parts[Symbol.asyncIterator]());
    reply(form.fields, await store(call, form));
  } finally {
    body.cancel();
  }
}

/** What was made, by the call that its sender could have made. */
interface Stored {
  readonly call: S3Call;
  readonly object: StoredObject;
}

async function store(call: FormCall, { fields, file }: Form): Promise<Stored> {
  const { gateway, bucket } = call;
  const { accounts } = gateway.cloud;
  // Who says nothing of a policy says not who they are.
  const isSigned = fields.has('policy');
  const identity = isSigned ? await signerOf(fields, { accounts, region: gateway.region }) : 'anonymous';
  const policy = isSigned ? postPolicyOf(fields.get('policy') ?? '') : undefined;
  if (policy) judgeForm(policy, new Map(fields).set('bucket', bucket), gateway.clock.nowMs());
  const headers = headersOf(fields);
  refuseUnbuiltHeaders(headers);
  const auth: Authenticated = { ...UNSIGNED, identity };
  const key = fields.get('key') ?? '';
  const caller = callerOf(identity, call.requestId);
  const made: S3Call = { ...call, auth, caller, headers, query: NO_QUERY, key };
  const writer = { ...made, caller: await authorise(made, 'PostObject') };
  const object = await put(writer, headers, fields.get('tagging'), capped(file, policy?.size));
  return { call: writer, object };
}

const UNSIGNED = {
  ok: true,
  accessKeyId: '',
  presigned: false,
  hoisted: {},
  payload: { kind: 'unsigned' },
} as const;
async function put(
  call: S3Call,
  headers: IncomingHttpHeaders,
  tagging: string | undefined,
  file: AsyncIterable<Buffer>,
): Promise<StoredObject> {
  const { caller, listed } = await writingOf(call);
  const tags = tagging === undefined ? undefined : objectTagsOf(Buffer.from(tagging));
  const described = {
    ...objectHeadersOf(headers),
    storageClass: storageClassOf(headers),
    ...listed,
    ...(tags && { tags }),
  };
  const encryption = encryptionOf(call);
  const customerKey = encryption?.by === 'customer' ? encryption.key : undefined;
  const checks = new BodyChecks(headers, call.auth);
  const source = Object.assign(sourceOf(file), { trailers: {} });
  const outcome = await call.gateway.cloud.objects.put(caller, {
    bucket: call.bucket,
    key: call.key,
    source,
    digests: checks.digests,
    condition: {},
    ...(encryption && { encryption }),
    describe: (written) => {
      const { etag: md5, checksum } = checks.verify(written, source);
      const etag = etagUnder(customerKey, md5);
      const { algorithm } = checks;
      if (algorithm === undefined || checksum === undefined) return { ...described, etag };
      return { ...described, etag, checksumAlgorithm: algorithm, checksum, checksumType: 'full-object' };
    },
  });
  return accept(call, outcome);
}

async function* capped(
  file: AsyncIterable<Buffer>,
  size: PostPolicy['size'] | undefined,
): AsyncGenerator<Buffer> {
  const max = Math.min(size?.max ?? limits.s3PutBytes, limits.s3PutBytes);
  let sizeBytes = 0;
  for await (const piece of file) {
    sizeBytes += piece.length;
    if (sizeBytes > max) {
      const details = { ProposedSize: String(sizeBytes), MaxSizeAllowed: String(max) };
      throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', details);
    }
    yield piece;
  }
  if (size && sizeBytes < size.min) {
    const details = { ProposedSize: String(sizeBytes), MinSizeAllowed: String(size.min) };
    throw new S3Error(
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum allowed size',
      details,
    );
  }
}

function reply(fields: ReadonlyMap<string, string>, { call, object }: Stored): void {
  const { key, etag } = object;
  const path = `${call.bucket}/${key}`.split('/').map(encodeURIComponent).join('/');
  const location = `http://${call.request.headers.host ?? ''}/${path}`;
  const redirect = redirectOf(fields.get('success_action_redirect') ?? fields.get('redirect'));
  const headers = answerHeaders(call);
  headers.push('ETag', `"${etag}"`);
  addChecksumHeaders(headers, object);
  addEncryption(headers, call, object);
  addExpiration(headers, call, object);
  if (redirect) {
    for (const [name, value] of Object.entries({ bucket: call.bucket, key, etag: `"${etag}"` })) {
      redirect.searchParams.append(name, value);
    }
    headers.push('Location', redirect.href);
    replyEmpty(call, 303, headers);
    return;
  }
  headers.push('Location', location);
  const status = fields.get('success_action_status');
  if (status !== '201') {
    replyEmpty(call, status === '200' ? 200 : 204, headers);
    return;
  }
  const xml = new XmlWriter('PostResponse', '').element('Location', location).element('Bucket', call.bucket);
  replyText(call, 201, xml.element('Key', key).element('ETag', `"${etag}"`).document(), headers);
}

/** What is no address is taken for none. */
function redirectOf(text: string | undefined): URL | undefined {
  if (!text || headerText(text) === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
