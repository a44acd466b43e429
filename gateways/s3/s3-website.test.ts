// Owns the proof that a bucket is a website as Amazon's are: pages, errors, redirections, and nothing for who
// may not read.

import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketWebsiteCommand,
  GetBucketWebsiteCommand,
  HeadObjectCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  type WebsiteConfiguration,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { failureOf, type RawAnswer, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'pages';
const HOST = `${Bucket}.s3-website.localhost`;
let server: S3Server;

test.before(async () => {
  server = await S3Server.start();
  await server.client.send(new CreateBucketCommand({ Bucket }));
  for (const [Key, Body] of [
    ['index.html', 'home'],
    ['blog/index.html', 'blog'],
    ['error.html', 'not here, sorry'],
    ['plain.txt', '0123456789'],
  ] as const) {
    await put(Key, Body);
  }
});

test.after.always(() => server?.stop());

const put = (Key: string, Body: string, more: object = {}) =>
  server.client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'text/html', ...more }));
const configure = (WebsiteConfiguration: WebsiteConfiguration) =>
  server.client.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));

/** As the owner, who alone may read. */
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  server.raw({ method, path, headers: { host: HOST, ...headers } });

const whereTo = ({ status, headers }: RawAnswer) => `${status} ${headers.location}`;

const SITE: WebsiteConfiguration = {
  IndexDocument: { Suffix: 'index.html' },
  ErrorDocument: { Key: 'error.html' },
  RoutingRules: [
    { Condition: { KeyPrefixEquals: 'docs/' }, Redirect: { ReplaceKeyPrefixWith: 'documents/' } },
    {
      Condition: { KeyPrefixEquals: 'images/' },
      Redirect: {
        HostName: 'other.example',
        Protocol: 'https',
        ReplaceKeyWith: 'gone.html',
        HttpRedirectCode: '302',
      },
    },
    {
      Condition: { HttpErrorCodeReturnedEquals: '404', KeyPrefixEquals: 'old/' },
      Redirect: { HostName: 'old.example', HttpRedirectCode: '307' },
    },
  ],
};

test.serial('a configuration comes back as it was put, and goes', async (t) => {
  const read = () => server.client.send(new GetBucketWebsiteCommand({ Bucket }));
  t.is(await failureOf(read()), 'NoSuchWebsiteConfiguration 404');
  const without = await get('/index.html');
  t.is(without.status, 404);
  t.regex(without.body, /<li>Code: NoSuchWebsiteConfiguration<\/li>/);
  await configure(SITE);
  t.like(await read(), { ...SITE });
  await configure({ RedirectAllRequestsTo: { HostName: 'h', Protocol: 'https' } });
  t.deepEqual((await read()).RedirectAllRequestsTo, { HostName: 'h', Protocol: 'https' });
  await server.client.send(new DeleteBucketWebsiteCommand({ Bucket }));
  t.is(await failureOf(read()), 'NoSuchWebsiteConfiguration 404');
});

test.serial('folders have index pages, objects are what they are', async (t) => {
  await configure(SITE);
  for (const host of [
    HOST,
    `${Bucket}.s3-website-us-east-1.localhost:80`,
    `${Bucket}.s3-website.us-east-1.localhost`,
  ]) {
    t.is((await get('/', { host })).body, 'home', host);
  }
  t.is((await get('/blog/')).body, 'blog');
  t.is(whereTo(await get('/blog')), '302 /blog/');
  const plain = await get('/plain.txt', { range: 'bytes=2-4' });
  t.is(plain.status, 206);
  t.is(plain.body, '234');
  const head = await get('/index.html', {}, 'HEAD');
  t.is(head.status, 200);
  t.is(head.headers['content-length'], '4');
  t.is(head.body, '');
  const etag = String(head.headers.etag);
  t.is((await get('/index.html', { 'if-none-match': etag })).status, 304);
});

test.serial('what is not there is told by the page of errors', async (t) => {
  await configure(SITE);
  const missing = await get('/missing.html');
  t.is(missing.status, 404);
  t.is(missing.body, 'not here, sorry');
  t.is(missing.headers['x-amz-error-code'], 'NoSuchKey');
  t.is(missing.headers['content-type'], 'text/html');
  t.is((await get('/missing/')).body, 'not here, sorry');
  t.is((await get('/missing.html', {}, 'HEAD')).status, 404);
  await configure({ ...SITE, ErrorDocument: { Key: 'nowhere' } });
  const bare = await get('/%3Cb%3E.html');
  t.is(bare.status, 404);
  t.regex(bare.body, /<h1>404 Not Found<\/h1>.*<li>Key: &lt;b&gt;\.html<\/li>.*Custom Error Document/s);
  t.regex(String(bare.headers['content-type']), /^text\/html/);
  t.is((await get('/x', {}, 'POST')).status, 405);
  const nowhere = await get('/x', { host: 'not-there.s3-website.localhost' });
  t.regex(nowhere.body, /<h1>404 Not Found<\/h1>.*NoSuchBucket/s);
});

test.serial('rules send elsewhere, before and after the look for what is there', async (t) => {
  await configure(SITE);
  t.is(whereTo(await get('/docs/a%20b')), `301 http://${HOST}/documents/a%20b`);
  t.is(whereTo(await get('/images/x')), '302 https://other.example/gone.html');
  t.is(whereTo(await get('/old/page')), '307 http://old.example/old/page');
  await configure({ RedirectAllRequestsTo: { HostName: 'example.com' } });
  t.is(whereTo(await get('/any/thing')), '301 http://example.com/any/thing');
  // Also for who may not read.
  const anybody = await server.unsigned({ method: 'GET', path: '/a', headers: { host: HOST } });
  t.is(whereTo(anybody), '301 http://example.com/a');
});

test.serial('an object can send elsewhere itself', async (t) => {
  await configure(SITE);
  await put('moved', 'x', { WebsiteRedirectLocation: '/index.html' });
  t.is(whereTo(await get('/moved')), '301 /index.html');
  const head = (Key: string) => server.client.send(new HeadObjectCommand({ Bucket, Key }));
  t.is((await head('moved')).WebsiteRedirectLocation, '/index.html');
  const copy = (Key: string, more: object = {}) =>
    server.client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/moved`, ...more }));
  await copy('copied');
  t.is((await head('copied')).WebsiteRedirectLocation, undefined);
  await copy('moved', { WebsiteRedirectLocation: 'https://example.com/' });
  t.is((await head('moved')).WebsiteRedirectLocation, 'https://example.com/');
  const wrong = { WebsiteRedirectLocation: 'ftp://example.com' };
  t.is(await failureOf(put('moved', 'x', wrong)), 'InvalidRedirectLocation 400');
});

test.serial('who may not read is told so, and nothing else', async (t) => {
  await configure(SITE);
  for (const path of ['/index.html', '/missing', '/blog']) {
    const answer = await server.unsigned({ method: 'GET', path, headers: { host: HOST } });
    t.is(answer.status, 403, path);
    t.regex(answer.body, /<h1>403 Forbidden<\/h1>.*<li>Code: AccessDenied<\/li>/s);
    t.is((await server.raw({ method: 'GET', path, headers: { host: HOST } }, server.keys[1])).status, 403);
  }
});

test.serial('what is no configuration is refused', async (t) => {
  const IndexDocument = { Suffix: 'i' };
  const rule = (more: object) => ({
    IndexDocument,
    RoutingRules: [{ Redirect: { HostName: 'h', ...more } }],
  });
  const refused: readonly (readonly [object, string])[] = [
    [{}, 'InvalidArgument 400'],
    [{ IndexDocument: { Suffix: '' } }, 'InvalidArgument 400'],
    [{ IndexDocument: { Suffix: 'a/b' } }, 'InvalidArgument 400'],
    [{ IndexDocument, ErrorDocument: { Key: '' } }, 'InvalidArgument 400'],
    [{ IndexDocument, RedirectAllRequestsTo: { HostName: 'h' } }, 'InvalidArgument 400'],
    [{ RedirectAllRequestsTo: { HostName: 'h', Protocol: 'gopher' } }, 'InvalidRequest 400'],
    [rule({ HttpRedirectCode: '200' }), 'InvalidRequest 400'],
    [rule({ HttpRedirectCode: '300' }), 'InvalidRequest 400'],
    [rule({ ReplaceKeyWith: 'a', ReplaceKeyPrefixWith: 'b' }), 'InvalidRequest 400'],
    [{ IndexDocument, RoutingRules: [{ Redirect: {} }] }, 'InvalidRequest 400'],
    [{ IndexDocument, RoutingRules: [{ Condition: {}, Redirect: { HostName: 'h' } }] }, 'InvalidRequest 400'],
    [
      {
        IndexDocument,
        RoutingRules: [{ Condition: { HttpErrorCodeReturnedEquals: '301' }, Redirect: { HostName: 'h' } }],
      },
      'InvalidRequest 400',
    ],
    [
      {
        IndexDocument,
        RoutingRules: Array.from({ length: limits.s3RoutingRules + 1 }, () => ({
          Redirect: { HostName: 'h' },
        })),
      },
      'InvalidRequest 400',
    ],
  ];
  for (const [configuration, failure] of refused) {
    t.is(await failureOf(configure(configuration)), failure, JSON.stringify(configuration).slice(0, 200));
  }
});
