// Owns the proof that Amazon's own examples are accepted, and nothing that differs from what was signed.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import {
  ACCESS_KEY,
  accountsWith,
  authorization,
  chunkedExample,
  EXAMPLE_MS,
  type Example,
  exampleContext,
  headerExamples,
  presignedExample,
  requestOf,
  requestOfExample,
  trailerExample,
  withHeader,
} from '#tests/support/s3-requests.ts';
import { authenticate } from './authenticate.ts';
import type { Refusal } from './refusal.ts';

const examples = [...headerExamples, presignedExample, chunkedExample, trailerExample];
const [getObject, putObject] = headerExamples as [Example, Example];

const judge = (example: Example, context = exampleContext()) =>
  authenticate(requestOfExample(example), context);

function refusalOf(example: Example, context = exampleContext()): Refusal {
  const outcome = judge(example, context);
  if (outcome.ok) throw new Error(`accepted: ${example.name}`);
  return outcome.error;
}

const at = (ms: number) => exampleContext(new ManualClock(ms));

for (const example of examples) {
  test(`Amazon's example is accepted: ${example.name}`, (t) => {
    const outcome = judge(example);
    t.true(outcome.ok);
    if (!outcome.ok || outcome.identity === 'anonymous') return t.fail();
    t.is(outcome.identity.accountId, 'account');
    t.is(outcome.accessKeyId, ACCESS_KEY);
    t.is(outcome.presigned, example === presignedExample);
  });

  test(`another secret, method, path, query or host is refused: ${example.name}`, (t) => {
    const mark = example.target.includes('?') ? '&' : '?';
    const changed: Example[] = [
      { ...example, method: 'DELETE' },
      { ...example, target: example.target.replace(/[a-z/](?=\?|$)/, '$&x') },
      { ...example, target: `${example.target}${mark}acl` },
      withHeader(example, 'Host', 'other.s3.amazonaws.com'),
    ];
    for (const other of changed) {
      const refusal = refusalOf(other);
      t.is(refusal.code, 'SignatureDoesNotMatch', JSON.stringify(other));
      t.is(refusal.status, 403);
    }
    const context = { ...exampleContext(), accounts: accountsWith('another secret') };
    t.is(refusalOf(example, context).code, 'SignatureDoesNotMatch');
    t.true(judge(example).ok, 'a wrong secret leaves no key behind');
  });

  test(`each signed header counts: ${example.name}`, (t) => {
    for (const [name, value] of example.headers) {
      if (/^(authorization|x-amz-date|x-amz-content-sha256)$/i.test(name)) continue;
      // A date header that x-amz-date overrules is still part of what was signed.
      const changed = withHeader(example, name, /^\d+$/.test(value) ? `${value}0` : `${value}x`);
      t.is(refusalOf(changed).code, 'SignatureDoesNotMatch', name);
      const missing = refusalOf(withHeader(example, name, undefined)).code;
      const wanted = new Set(['SignatureDoesNotMatch', 'MissingSecurityHeader', 'MissingContentLength']);
      if (name === 'x-amz-trailer') wanted.add('InvalidRequest');
      t.true(wanted.has(missing), `${name}: ${missing}`);
    }
  });

  test(`an x-amz header that was not signed is refused: ${example.name}`, (t) => {
    const refusal = refusalOf(withHeader(example, 'X-Amz-Acl', 'public-read'));
    t.is(refusal.code, 'AccessDenied');
    t.is(refusal.message, 'There were headers present in the request which were not signed');
    t.is(refusal.details.HeadersNotSigned, 'x-amz-acl');
  });

  test(`each digit of the signature counts: ${example.name}`, (t) => {
    const text = JSON.stringify(example);
    const signature = /Signature=([0-9a-f]{64})/.exec(text)?.[1] as string;
    for (let index = 0; index < signature.length; index++) {
      const digit = signature[index] === '0' ? '1' : '0';
      const forged = signature.slice(0, index) + digit + signature.slice(index + 1);
      t.is(refusalOf(JSON.parse(text.replace(signature, forged))).code, 'SignatureDoesNotMatch');
    }
    for (const forged of ['f', signature.toUpperCase(), signature.slice(1), `${signature}0`]) {
      t.is(refusalOf(JSON.parse(text.replace(signature, forged))).code, 'SignatureDoesNotMatch');
    }
  });
}

test('a refused signature is explained as S3 explains it', (t) => {
  const { details } = refusalOf({ ...getObject, method: 'HEAD' });
  t.is(details.AWSAccessKeyId, ACCESS_KEY);
  t.regex(details.SignatureProvided ?? '', /^f0e8bdb8/);
  t.regex(
    details.StringToSign ?? '',
    /^AWS4-HMAC-SHA256\n20130524T000000Z\n20130524\/us-east-1\/s3\/aws4_request\n[0-9a-f]{64}$/,
  );
  t.true(details.CanonicalRequest?.startsWith('HEAD\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\n'));
});

test('a request without credentials is anonymous', (t) => {
  const outcome = authenticate(requestOf('GET', '/bucket/key', [['Host', 'localhost']]), exampleContext());
  t.true(outcome.ok);
  if (outcome.ok) t.is(outcome.identity, 'anonymous');
});

test('an unknown access key is refused by its name', (t) => {
  const refusal = refusalOf(JSON.parse(JSON.stringify(getObject).replaceAll(ACCESS_KEY, 'AKNOBODY')));
  t.is(refusal.code, 'InvalidAccessKeyId');
  t.is(refusal.details.AWSAccessKeyId, 'AKNOBODY');
});

test('a clock may be fifteen minutes off, both ways, and no more', (t) => {
  const skewMs = 15 * 60 * 1_000;
  for (const sign of [1, -1]) {
    t.true(judge(getObject, at(EXAMPLE_MS + sign * skewMs)).ok);
    const refusal = refusalOf(getObject, at(EXAMPLE_MS + sign * (skewMs + 1)));
    t.is(refusal.code, 'RequestTimeTooSkewed');
    t.is(refusal.status, 403);
    t.is(refusal.details.RequestTime, '20130524T000000Z');
    t.is(refusal.details.MaxAllowedSkewMilliseconds, '900000');
  }
});

test('a presigned request is good until it expires', (t) => {
  t.true(judge(presignedExample, at(EXAMPLE_MS + 86_400_000)).ok);
  const late = refusalOf(presignedExample, at(EXAMPLE_MS + 86_400_001));
  t.is(late.code, 'AccessDenied');
  t.is(late.message, 'Request has expired');
  t.is(late.details['X-Amz-Expires'], '86400');
  t.is(late.details.Expires, '2013-05-25T00:00:00.000Z');
  t.true(judge(presignedExample, at(EXAMPLE_MS - 900_000)).ok);
  t.is(refusalOf(presignedExample, at(EXAMPLE_MS - 900_001)).message, 'Request is not yet valid');
});

const withCredential = (credential: string) =>
  JSON.parse(JSON.stringify(getObject).replace(/Credential=[^,]*/, `Credential=${credential}`)) as Example;

test('a credential of another region is told the right one', (t) => {
  const refusal = refusalOf(withCredential(`${ACCESS_KEY}/20130524/eu-west-1/s3/aws4_request`));
  t.is(refusal.code, 'AuthorizationHeaderMalformed');
  t.is(refusal.status, 400);
  t.is(refusal.details.Region, 'us-east-1');
  t.true(refusal.message.includes("the region 'eu-west-1' is wrong; expecting 'us-east-1'"));
});

test('a malformed credential scope is refused', (t) => {
  for (const credential of [
    '',
    ACCESS_KEY,
    `${ACCESS_KEY}/20130524/us-east-1/s3`,
    `${ACCESS_KEY}/20130524/us-east-1/ec2/aws4_request`,
    `${ACCESS_KEY}/20130524/us-east-1/s3/aws5_request`,
    `${ACCESS_KEY}/20130525/us-east-1/s3/aws4_request`,
    `${ACCESS_KEY}/2013-5-4/us-east-1/s3/aws4_request`,
    `/20130524/us-east-1/s3/aws4_request`,
    `${ACCESS_KEY}/20130524/us-east-1/s3/aws4_request/more`,
  ]) {
    t.is(refusalOf(withCredential(credential)).code, 'AuthorizationHeaderMalformed', credential);
  }
});

test('a malformed Authorization header is refused', (t) => {
  const whole = authorization('host;x-amz-content-sha256;x-amz-date', 'f'.repeat(64));
  for (const value of [
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 ',
    whole.replace(/,Signature=.*/, ''),
    whole.replace(/SignedHeaders=[^,]*,/, ''),
    `${whole},Signature=${'f'.repeat(64)}`,
    `${whole},Other=1`,
    whole.replaceAll('=', ' '),
  ]) {
    const refusal = refusalOf(withHeader(getObject, 'Authorization', value));
    t.is(refusal.code, 'AuthorizationHeaderMalformed', value);
  }
});

test('other mechanisms are refused in words that help', (t) => {
  const v2 = refusalOf(withHeader(getObject, 'Authorization', `AWS ${ACCESS_KEY}:c2lnbmF0dXJl`));
  t.is(v2.code, 'InvalidRequest');
  t.true(v2.message.endsWith('Please use AWS4-HMAC-SHA256.'));
  const query = `/test.txt?AWSAccessKeyId=${ACCESS_KEY}&Expires=1&Signature=x`;
  t.is(refusalOf({ ...presignedExample, target: query }).code, 'InvalidRequest');
  t.is(refusalOf(withHeader(getObject, 'Authorization', 'Basic YTpi')).code, 'InvalidArgument');
  t.is(refusalOf(withHeader(presignedExample, 'Authorization', 'Basic YTpi')).code, 'InvalidArgument');
});

test('a header that decides must come once', (t) => {
  for (const name of ['Authorization', 'Host', 'x-amz-date', 'x-amz-content-sha256']) {
    const value = getObject.headers.find(([other]) => other === name)?.[1] as string;
    const twice = { ...getObject, headers: [...getObject.headers, [name.toUpperCase(), value] as const] };
    t.is(refusalOf(twice).code, 'InvalidRequest', name);
  }
});

test('the date and the payload digest must be there', (t) => {
  const noDate = refusalOf(withHeader(getObject, 'x-amz-date', undefined));
  t.is(noDate.code, 'AccessDenied');
  t.is(refusalOf(withHeader(getObject, 'x-amz-date', '20130532T000000Z')).code, 'AccessDenied');
  const noDigest = refusalOf(withHeader(getObject, 'x-amz-content-sha256', undefined));
  t.is(noDigest.code, 'InvalidRequest');
  t.is(noDigest.message, 'Missing required header for this request: x-amz-content-sha256');
  const bad = refusalOf(withHeader(getObject, 'x-amz-content-sha256', 'none'));
  t.is(bad.code, 'InvalidArgument');
  const other = refusalOf(withHeader(putObject, 'x-amz-content-sha256', 'f'.repeat(64)));
  t.is(other.code, 'SignatureDoesNotMatch');
});

test('signatures on elliptic curves are said to be missing', (t) => {
  const payload = 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER';
  const refusal = refusalOf(withHeader(getObject, 'x-amz-content-sha256', payload));
  t.is(refusal.code, 'NotImplemented');
  t.is(refusal.status, 501);
});

test('the parameters of a presigned request are checked one by one', (t) => {
  const change = (from: string | RegExp, to: string) =>
    refusalOf({ ...presignedExample, target: presignedExample.target.replace(from, to) });
  const code = 'AuthorizationQueryParametersError';
  t.is(change('X-Amz-Expires=86400', 'X-Amz-Expires=604801').code, code);
  t.is(change('X-Amz-Expires=86400', 'X-Amz-Expires=-1').message, 'X-Amz-Expires must be non-negative');
  t.is(change('X-Amz-Expires=86400', 'X-Amz-Expires=soon').message, 'X-Amz-Expires should be a number');
  for (const name of ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature']) {
    t.is(change(new RegExp(`X-Amz-${name}=[^&]*`), '').code, code, name);
    t.is(change(new RegExp(`X-Amz-${name}=[^&]*`), '$&&$&').code, code, name);
  }
  t.is(change('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1').code, code);
  t.is(change('20130524T000000Z', '2013-05-24').code, code);
  const region = change('us-east-1', 'eu-west-1');
  t.is(region.code, code);
  t.is(region.details.Region, 'us-east-1');
  t.is(change('X-Amz-Expires=86400', 'X-Amz-Expires=86401').code, 'SignatureDoesNotMatch');
  t.is(change('/test.txt', '/%zz').code, 'InvalidURI');
  t.is(change('&X-Amz-Date', '&X-Amz-Security-Token=t&X-Amz-Date').code, 'InvalidToken');
});
