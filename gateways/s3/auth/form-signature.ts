// Owns the judgement of who signed a form ("Authenticating Requests in Browser-Based Uploads Using POST",
// Amazon S3 API Reference): what is signed is the policy, as it was sent. Guarantee: an identity is returned
// only where its secret has signed that policy.

import type { Accounts } from '#services/cloud.ts';
import { type Authenticated, signingKeys, unknownAccessKey } from './authenticate.ts';
import { readCredential } from './claim.ts';
import { BodyRefused, type Refusal, refusal } from './refusal.ts';
import { ALGORITHM, sameSignature, timestampMs } from './signature-v4.ts';

type Signer = Exclude<Authenticated['identity'], 'anonymous'>;

/** Fields by lower-case name. @throws BodyRefused */
export async function signerOf(
  fields: ReadonlyMap<string, string>,
  { accounts, region }: { readonly accounts: Accounts; readonly region: string },
): Promise<Signer> {
  if (fields.has('awsaccesskeyid')) throw new BodyRefused(otherMechanism);
  const timestamp = field(fields, 'x-amz-date');
  const policy = field(fields, 'policy');
  const signature = field(fields, 'x-amz-signature');
  if (field(fields, 'x-amz-algorithm') !== ALGORITHM) {
    throw invalid('x-amz-algorithm', `X-Amz-Algorithm only supports "${ALGORITHM}"`);
  }
  if (timestampMs(timestamp) === undefined) {
    throw invalid('x-amz-date', "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  const credential = readCredential(field(fields, 'x-amz-credential'), region, timestamp);
  if ('reason' in credential) {
    throw invalid('x-amz-credential', `Error parsing the X-Amz-Credential parameter; ${credential.reason}`);
  }
  const { accessKeyId, date } = credential;
  let owner = accounts.accessKey(accessKeyId);
  if (!owner) {
    await accounts.fetchAccessKey(accessKeyId);
    owner = accounts.accessKey(accessKeyId);
  }
  if (!owner) throw new BodyRefused(unknownAccessKey(accessKeyId));
  if (fields.has('x-amz-security-token')) {
    throw new BodyRefused(refusal('InvalidToken', 'The provided token is malformed or otherwise invalid.'));
  }
  const key = signingKeys.get(accessKeyId, owner.secret, date, credential.region);
  if (sameSignature(key.signHex(policy), signature)) return owner;
  const details = { AWSAccessKeyId: accessKeyId, StringToSign: policy, SignatureProvided: signature };
  const message =
    'The request signature we calculated does not match the signature you provided. ' +
    'Check your key and signing method.';
  throw new BodyRefused(refusal('SignatureDoesNotMatch', message, details));
}

const otherMechanism: Refusal = refusal(
  'InvalidRequest',
  'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
);

function invalid(name: string, message: string): BodyRefused {
  return new BodyRefused(refusal('InvalidArgument', message, { ArgumentName: name }));
}

function field(fields: ReadonlyMap<string, string>, name: string): string {
  const value = fields.get(name);
  // Signatures are of bytes: what is no ASCII can be none of theirs.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are all characters of ASCII
  if (value !== undefined && /^[\x00-\x7f]*$/.test(value)) return value;
  throw new BodyRefused(
    refusal(
      'InvalidArgument',
      `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of ` +
        'the fields.',
      { ArgumentName: name, ArgumentValue: '' },
    ),
  );
}
