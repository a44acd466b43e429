// Tests uploads by signed forms: what is stored, where whoever sent it is sent, and that no form is taken
// that is not what was signed, too much, or no form at all.

import { createHmac } from 'node:crypto';
import test from 'ava';
import { type SwiftAnswer, SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;
const KEY = 'the key';
const BOUNDARY = '----formboundary7MA4YWxk';

test.before(async () => {
  server = await SwiftServer.start();
  await server.call('POST', '', { headers: { 'X-Account-Meta-Temp-URL-Key': KEY } });
  await server.call('PUT', '/forms', { headers: { 'X-Container-Meta-Temp-URL-Key': 'own' } });
});

test.after.always(() => server?.stop());

interface File {
  readonly name: string;
  readonly content: string | Buffer;
}

interface Form {
  readonly path?: string;
  readonly key?: string;
  readonly algorithm?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** Sent otherwise than they were signed. */
  readonly altered?: Readonly<Record<string, string>>;
  readonly files?: readonly File[];
}

function fieldsOf({ path = '/forms/up-', key = KEY, algorithm = 'sha256', fields = {}, altered = {} }: Form) {
  const all: Record<string, string> = {
    ...{ redirect: '', max_file_size: '1000000', max_file_count: '2' },
    expires: String(Math.floor(server.memory.clock.nowMs() / 1_000) + 60),
    ...fields,
  };
  const { redirect, max_file_size, max_file_count, expires } = all;
  const full = `/v1/AUTH_${server.owner.projectId}${path}`;
  const text = [full, redirect, max_file_size, max_file_count, expires].join('\n');
  return { ...all, signature: createHmac(algorithm, key).update(text).digest('hex'), ...altered };
}

function bodyOf(fields: Readonly<Record<string, string>>, files: readonly File[]): Buffer {
  const parts: (string | Buffer)[] = [];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  }
  for (const { name, content } of files) {
    const disposition = `Content-Disposition: form-data; name="file"; filename="${name}"`;
    parts.push(`--${BOUNDARY}\r\n${disposition}\r\nContent-Type: image/png\r\n\r\n`, content, '\r\n');
  }
  return Buffer.concat([...parts, `--${BOUNDARY}--\r\n`].map((part) => Buffer.from(part)));
}

const TYPE = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` };

function post(form: Form): Promise<SwiftAnswer> {
  const body = bodyOf(fieldsOf(form), form.files ?? [{ name: 'a.png', content: 'picture' }]);
  return server.call('POST', form.path ?? '/forms/up-', { token: null, headers: TYPE, body });
}

test.serial('files of a signed form become objects, with their types and their end', async (t) => {
  const large = Buffer.alloc(300_000, `\r\n--${BOUNDARY.slice(0, -1)}\r\n`);
  const files = [
    { name: 'a.png', content: 'picture' },
    { name: 'größe/b', content: large },
  ];
  const answer = await post({ files, fields: { x_delete_after: '60' } });
  t.is(answer.status, 201);
  t.is(answer.text, '201 Created');
  const first = await server.call('GET', '/forms/up-a.png');
  t.is(first.text, 'picture');
  t.is(first.headers.get('content-type'), 'image/png');
  t.truthy(first.headers.get('x-delete-at'));
  t.true((await server.call('GET', '/forms/up-gr%C3%B6%C3%9Fe/b')).bytes.equals(large));
});

test.serial('an empty file, and a body that comes in single bytes', async (t) => {
  const body = bodyOf(fieldsOf({}), [
    { name: 'empty', content: '' },
    { name: 'slow', content: '\r\n--' },
  ]);
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at++) controller.enqueue(body.subarray(at, at + 1));
      controller.close();
    },
  });
  t.is((await server.call('POST', '/forms/up-', { token: null, headers: TYPE, body: stream })).status, 201);
  t.is((await server.call('GET', '/forms/up-empty')).text, '');
  t.is((await server.call('GET', '/forms/up-slow')).text, '\r\n--');
});

test.serial('either key signs, by every digest, for a container or what begins with a prefix', async (t) => {
  for (const key of [KEY, 'own']) {
    for (const algorithm of ['sha1', 'sha256', 'sha512']) t.is((await post({ key, algorithm })).status, 201);
  }
  t.is((await post({ path: '/forms', files: [{ name: 'bare', content: 'b' }] })).status, 201);
  t.is((await server.call('GET', '/forms/bare')).text, 'b');
});

test.serial('whoever sent it is sent on, and told how it went; no line of a header is made up', async (t) => {
  const send = async (redirect: string, files: readonly File[]) => {
    const body = bodyOf(fieldsOf({ fields: { redirect, max_file_count: '1' } }), files);
    const url = `${server.root}/object-store/v1/AUTH_${server.owner.projectId}/forms/up-`;
    return fetch(url, { method: 'POST', headers: TYPE, body, redirect: 'manual' });
  };
  const one = { name: 'r', content: 'r' };
  const done = await send('http://example.com/a?b=c', [one]);
  t.is(done.status, 303);
  t.is(done.headers.get('location'), 'http://example.com/a?b=c&status=201&message=');
  const many = await send('http://example.com/"><b>', [one, one]);
  t.is(many.headers.get('location'), 'http://example.com/"><b>?status=400&message=max+file+count+exceeded');
  t.false((await many.text()).includes('<b>'));
  const split = await send('http://example.com/\r\nX-Evil: 1', [one]);
  t.is(split.status, 303);
  t.false(split.headers.has('x-evil'));
});

test.serial('what was not signed, or is over, is refused, and nothing is stored or followed', async (t) => {
  const files = [{ name: 'never', content: 'never' }];
  for (const altered of [
    { max_file_size: '2000000' },
    { max_file_count: '3' },
    { expires: '9999999999' },
    { redirect: 'http://evil.example' },
    { signature: '' },
    { signature: '0'.repeat(64) },
  ]) {
    const answer = await post({ altered, files });
    t.is(answer.status, 401, JSON.stringify(altered));
    t.regex(answer.text, /FormPost: Invalid Signature/);
  }
  const last = `--${BOUNDARY}--`;
  const field = 'Content-Disposition: form-data; name="redirect"';
  const late = `--${BOUNDARY}\r\n${field}\r\n\r\nhttp://evil.example\r\n${last}`;
  const body = bodyOf(fieldsOf({}), [{ name: 'a', content: 'a' }])
    .toString()
    .replace(last, late);
  t.is((await server.call('POST', '/forms/up-', { token: null, headers: TYPE, body })).status, 201);
  t.is((await post({ fields: { expires: '1' }, files })).text, 'FormPost: Form Expired');
  t.is((await post({ key: 'another', files })).status, 401);
  await server.call('PUT', '/elsewhere');
  t.is((await post({ path: '/elsewhere', key: 'own', files })).status, 401);
  t.is((await server.call('HEAD', '/forms/up-never')).status, 404);
});

test.serial('what is too much, and what is no form, is refused', async (t) => {
  const big = await post({ fields: { max_file_size: '3' }, files: [{ name: 'big', content: 'four' }] });
  t.is(big.text, 'FormPost: max_file_size exceeded');
  t.is((await server.call('HEAD', '/forms/up-big')).status, 404);
  t.is((await post({ files: [] })).text, 'FormPost: no files to process');
  t.is((await post({ fields: { more: 'x'.repeat(5_000) } })).text, 'FormPost: a field is too long');
  const many = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`f${index}`, '']));
  t.is((await post({ fields: many })).text, 'FormPost: too many fields');
  t.is((await post({ fields: { max_file_size: 'x' } })).status, 400);
  t.is((await post({ files: [{ name: 'x'.repeat(2_000), content: '' }] })).status, 400);
  t.is((await post({ path: '/nowhere' })).status, 404);
  const whole = bodyOf(fieldsOf({}), [{ name: 'cut', content: 'cut' }]);
  for (const body of ['', 'x', `--${BOUNDARY}`, `--${BOUNDARY}x\r\n`, whole.subarray(0, whole.length - 8)]) {
    const answer = await server.call('POST', '/forms/up-', { token: null, headers: TYPE, body });
    t.is(answer.status, 400, String(body).slice(-80));
  }
  t.is((await server.call('HEAD', '/forms/up-cut')).status, 404);
  t.deepEqual(server.logged, []);
});
