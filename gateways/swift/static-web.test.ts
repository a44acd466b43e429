// Tests containers as web sites: pages and listings for who comes without a token, and nothing for whom the
// container's list does not let in.

import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
  const headers = {
    'X-Container-Read': '.r:*,.rlistings',
    'X-Container-Meta-Web-Index': 'index.html',
    'X-Container-Meta-Web-Error': 'error.html',
    'X-Container-Meta-Web-Listings': 'true',
    'X-Container-Meta-Web-Listings-CSS': 'my "style".css',
  };
  await server.call('PUT', '/site', { headers });
  for (const [path, body] of [
    ['index.html', 'home'],
    ['404error.html', 'not here'],
    ['blog/index.html', 'blog'],
    ['files/one', '1'],
    ['files/%3Cb%3E%22%26', '2'],
    ['files/javascript:alert(1)', '3'],
    ['files/deeper/four', '4'],
  ] as const) {
    await server.call('PUT', `/site/${path}`, { body });
  }
  const marker = { 'Content-Type': 'application/directory' };
  await server.call('PUT', '/site/files', { body: '', headers: marker });
});

test.after.always(() => server?.stop());

function visit(path: string, headers: Record<string, string> = {}) {
  const url = `${server.root}/object-store/v1/AUTH_${server.owner.projectId}${path}`;
  return fetch(url, { headers, redirect: 'manual' });
}

test.serial('index pages stand for the container and for folders', async (t) => {
  t.is(await (await visit('/site/')).text(), 'home');
  t.is(await (await visit('/site/blog/')).text(), 'blog');
  for (const path of ['/site', '/site/blog', '/site/files']) {
    const answer = await visit(path);
    t.is(answer.status, 301, path);
    t.is(answer.headers.get('location'), `/object-store/v1/AUTH_${server.owner.projectId}${path}/`);
  }
  t.is(await (await visit('/site/files/one', { Range: 'bytes=0-0' })).text(), '1');
});

test.serial('a folder without one is listed, and no name becomes markup or a scheme', async (t) => {
  const answer = await visit('/site/files/');
  t.is(answer.status, 200);
  t.is(answer.headers.get('content-type'), 'text/html; charset=UTF-8');
  const page = await answer.text();
  t.true(page.includes('<a href="./deeper/">deeper/</a>'));
  t.true(page.includes('<a href="./one">one</a>'));
  t.true(page.includes('<a href="./%3Cb%3E%22%26">&lt;b&gt;&quot;&amp;</a>'));
  t.true(page.includes('href="./javascript%3Aalert(1)"'));
  t.true(page.includes('href="../my%20%22style%22.css"'));
  t.false(page.includes('<b>'));
});

test.serial('what is not there has the page of the owner, with its status', async (t) => {
  for (const path of ['/site/nothing', '/site/nothing/', '/site/files/nothing']) {
    const answer = await visit(path);
    t.is(answer.status, 404, path);
    t.is(await answer.text(), 'not here', path);
  }
});

test.serial('whoever has a token sees a container, unless the site is asked for', async (t) => {
  t.regex((await server.call('GET', '/site')).text, /404error.html/);
  t.is((await server.call('GET', '/site/', { headers: { 'X-Web-Mode': 'true' } })).text, 'home');
  const { token } = await server.person('stranger', 'member');
  await server.call('POST', '/site', { headers: { 'X-Container-Read': '' } });
  const asked = { token, headers: { 'X-Web-Mode': 'true' } };
  t.is((await server.call('GET', '/site/', asked)).status, 403);
  t.is((await visit('/site/')).status, 401);
  t.is((await visit('/site/nothing')).status, 401);
});

test.serial('without .rlistings pages are shown, and no listing', async (t) => {
  await server.call('POST', '/site', { headers: { 'X-Container-Read': '.r:*' } });
  t.is(await (await visit('/site/')).text(), 'home');
  t.is((await visit('/site/files/')).status, 404);
  t.is((await visit('/site/files')).status, 404);
  await server.call('POST', '/site', { headers: { 'X-Container-Read': '.r:*,.rlistings' } });
  await server.call('POST', '/site', { headers: { 'X-Remove-Container-Meta-Web-Listings': 'x' } });
  t.is((await visit('/site/files/')).status, 404);
  await server.call('POST', '/site', { headers: { 'X-Remove-Container-Meta-Web-Index': 'x' } });
  t.regex(await (await visit('/site/')).text(), /blog\/index.html/);
  t.deepEqual(server.logged, []);
});
