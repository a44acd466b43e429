// Tests listings of containers, against a model that sorts and folds everything, and their three forms.

import test from 'ava';
import fastCheck from 'fast-check';
import { SwiftServer } from '#tests/support/swift-server.ts';

const KEYS = ['a', 'a/', 'a/b', 'a/b/c', 'a/c', 'b', 'b/x', 'ä/1', 'ä/2', 'z', '😀', '￿'];

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
  await server.call('PUT', '/listed');
  for (const key of KEYS) {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const headers = { 'Content-Type': 'text/plain' };
    await server.call('PUT', `/listed/${path}`, { body: key, headers });
  }
});

test.after.always(() => server?.stop());

const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

interface Asked {
  readonly prefix: string;
  readonly delimiter: string;
  readonly marker: string;
  readonly end_marker: string;
  readonly limit: number;
  readonly reverse: boolean;
}

/** As Swift folds and cuts. A common prefix that the marker lies in is hidden: gateways/swift/index.ts. */
function model({ prefix, delimiter, marker, end_marker, limit, reverse }: Asked): string[] {
  const names = new Set<string>();
  for (const key of KEYS) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    names.add(at < 0 ? key : key.slice(0, at + 1));
  }
  const [after, before] = reverse ? [end_marker, marker] : [marker, end_marker];
  const shown = [...names]
    .filter((name) => after === '' || compare(name, after) > 0)
    .filter((name) => before === '' || compare(name, before) < 0)
    .sort(compare);
  return (reverse ? shown.reverse() : shown).slice(0, limit);
}

test('any page is that of the model', async (t) => {
  const marker = fastCheck.constantFrom('', 'a', 'a/', 'aa', 'b', 'ä', 'zz', '😀');
  const asked = fastCheck.record({
    prefix: fastCheck.constantFrom('', 'a', 'a/', 'ä/', 'x'),
    delimiter: fastCheck.constantFrom('', '/'),
    marker,
    end_marker: marker,
    limit: fastCheck.integer({ min: 0, max: 12 }),
    reverse: fastCheck.boolean(),
  });
  await fastCheck.assert(
    fastCheck.asyncProperty(asked, async (parameters) => {
      const query = new URLSearchParams(
        Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
      );
      const { text, status } = await server.call('GET', `/listed?${query}`);
      const names = text.split('\n').filter((line) => line !== '');
      t.deepEqual(names, model(parameters));
      t.is(status, names.length === 0 ? 204 : 200);
    }),
    { numRuns: 300 },
  );
});

test('rows tell of objects and of folders, in JSON and in XML', async (t) => {
  const json = await server.call('GET', '/listed?prefix=a&delimiter=/', {
    headers: { Accept: 'application/json' },
  });
  t.is(json.headers.get('content-type'), 'application/json; charset=utf-8');
  t.is(json.headers.get('x-container-object-count'), String(KEYS.length));
  const [file, folder] = JSON.parse(json.text);
  t.like(file, { name: 'a', bytes: 1, hash: '0cc175b9c0f1b6a831c399e269772661', content_type: 'text/plain' });
  t.deepEqual(folder, { subdir: 'a/' });
  const xml = await server.call('GET', '/listed?prefix=a&delimiter=/&format=xml');
  t.is(xml.headers.get('content-type'), 'application/xml; charset=utf-8');
  t.regex(
    xml.text,
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<container name="listed"><object><name>a<\/name><hash>/,
  );
  t.regex(xml.text, /<subdir name="a\/"><name>a\/<\/name><\/subdir><\/container>$/);
  t.is((await server.call('GET', '/listed', { headers: { Accept: 'image/png' } })).status, 406);
});

test('a path shows what lies directly in a folder', async (t) => {
  const of = async (path: string) =>
    (await server.call('GET', `/listed?path=${path}`)).text.trim().split('\n');
  t.deepEqual(await of('a'), ['a/b', 'a/c']);
  t.deepEqual(await of('a/'), ['a/b', 'a/c']);
  t.deepEqual(await of('a/b'), ['a/b/c']);
  t.deepEqual(await of(''), ['a', 'b', 'z', '￿', '😀']);
});
