// Tests that lists come in pages: every entry once, in one order, whatever comes and goes meanwhile.

import test from 'ava';
import { IdentityServer } from '#tests/support/identity-server.ts';

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

/** Follows the links of a list. @returns the ids of each page */
async function pagesOf(path: string, between: () => Promise<void> = async () => undefined) {
  const token = await server.login();
  const name = /\/v3\/(\w+)/.exec(path)?.[1] ?? '';
  const pages: string[][] = [];
  for (let next: string | null = `${server.root}${path}`; next !== null; ) {
    const { status, document } = await server.call('GET', next.slice(server.root.length), { token });
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(document)}`);
    pages.push(document[name].map(({ id }: { id: string }) => id));
    next = document.links.next;
    await between();
  }
  return pages;
}

const KINDS = ['domain', 'project', 'user', 'group', 'role'] as const;

for (const kind of KINDS) {
  test(`a list of ${kind}s comes in pages, each entry once`, async (t) => {
    const path = `/v3/${kind}s`;
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      await server.make(path, kind, { name: `${kind}-${name}` });
    }
    const query = `name__startswith=${kind}-`;
    const [whole = []] = await pagesOf(`${path}?${query}`);
    t.is(whole.length, 5);
    const pages = await pagesOf(`${path}?${query}&limit=2`);
    t.deepEqual(
      pages.map((page) => page.length),
      [2, 2, 1],
    );
    t.deepEqual(pages.flat(), whole);
    t.deepEqual(whole, [...whole].sort());
    t.deepEqual((await pagesOf(`${path}?${query}&limit=5`)).length, 1);
  });
}

test('what goes between two pages moves nothing from one to the other', async (t) => {
  const token = await server.login();
  for (let number = 0; number < 6; number++) {
    await server.make('/v3/projects', 'project', { name: `going-${number}` });
  }
  const [ids = []] = await pagesOf('/v3/projects?name__startswith=going-');
  // The marker itself goes.
  let toDelete: string | undefined = ids[1];
  const pages = await pagesOf('/v3/projects?name__startswith=going-&limit=2', async () => {
    if (toDelete !== undefined) await server.call('DELETE', `/v3/projects/${toDelete}`, { token });
    toDelete = undefined;
  });
  t.deepEqual(pages.flat(), ids);
});

test('lists of what the catalog has come in pages too', async (t) => {
  for (const type of ['a', 'b', 'c']) await server.make('/v3/services', 'service', { type });
  const pages = await pagesOf('/v3/services?limit=2');
  t.is(pages.length, 2);
  t.is(new Set(pages.flat()).size, 4);
});

test('a limit that is none is refused', async (t) => {
  const token = await server.login();
  for (const limit of ['0', '-1', 'x', '1e3', '99999999999']) {
    t.is((await server.call('GET', `/v3/users?limit=${limit}`, { token })).status, 400, limit);
  }
  const marker = 'm'.repeat(300);
  t.is((await server.call('GET', `/v3/users?marker=${marker}`, { token })).status, 400);
});
