// Owns what is done to targets and headers of any dialect before they are signed, so that it gets past the
// signature. All of it leaves the request framed.

import type { Chance } from '#tests/simulation/world.ts';
import { type Draft, type Mangling, withHeader } from './dialect.ts';
import { letters, longKey, NUMBERS, SEGMENTS, TEXTS } from './hostile-values.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'COPY'];

const GENERAL_HEADERS = [
  ...['Range', 'If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range', 'Date'],
  ...['Content-Type', 'Content-Encoding', 'Content-Disposition', 'Content-MD5', 'Cache-Control', 'Expires'],
  ...['Accept', 'Accept-Encoding', 'Cookie', 'Origin', 'Referer', 'User-Agent', 'X-Forwarded-For', 'Via'],
  ...['X-Http-Method-Override', 'X-Original-Url', 'Forwarded', 'Max-Forwards', 'TE', 'Trailer', 'From'],
];

const HOSTS = ['', 'localhost', '127.0.0.1:99999', '[::1]', 'a..b', '.localhost', 'x'.repeat(300), '%00'];
const SIZES = [
  'bytes=0-',
  'bytes=-1',
  'bytes=-0',
  'bytes=5-1',
  'bytes=0-0,2-3',
  'bytes=99999999999999999999-',
];

function inPath(draft: Draft, chance: Chance, change: (segment: string) => string): Draft {
  const segments = draft.path.split('/');
  const at = chance.whole(1, segments.length - 1);
  segments[at] = change(segments[at] as string);
  return { ...draft, path: segments.join('/') };
}

function inQuery(draft: Draft, chance: Chance, change: (parameter: string) => string): Draft {
  const parameters = draft.query === '' ? [''] : draft.query.split('&');
  const at = chance.whole(0, parameters.length - 1);
  parameters[at] = change(parameters[at] as string);
  return { ...draft, query: parameters.filter((each) => each !== '').join('&') };
}

const OF_PATHS: readonly Mangling[] = [
  {
    name: 'a segment replaced',
    mangle: (draft, chance) => inPath(draft, chance, () => chance.pick(SEGMENTS)),
  },
  {
    name: 'a segment inserted',
    mangle: (draft, chance) => inPath(draft, chance, (segment) => `${chance.pick(SEGMENTS)}/${segment}`),
  },
  {
    name: 'a segment appended to',
    mangle: (draft, chance) => inPath(draft, chance, (segment) => `${segment}${chance.pick(SEGMENTS)}`),
  },
  {
    name: 'slashes doubled',
    mangle: (draft, chance) =>
      inPath(draft, chance, (segment) => `${'/'.repeat(chance.whole(1, 5))}${segment}`),
  },
  { name: 'a long segment', mangle: (draft, chance) => inPath(draft, chance, () => longKey(chance)) },
  {
    name: 'everything escaped',
    mangle: (draft, chance) =>
      inPath(draft, chance, (segment) =>
        segment.replace(/[A-Za-z0-9]/g, (each) => `%${each.charCodeAt(0).toString(16)}`),
      ),
  },
  {
    name: 'an absolute target',
    mangle: (draft, chance) => {
      const start = chance.pick(['http://evil.example', 'http://127.0.0.1', 'ftp://x', 'http://a@b:1']);
      return { ...draft, path: `${start}${draft.path}` };
    },
  },
];

const OF_QUERIES: readonly Mangling[] = [
  {
    name: 'a number spoilt',
    mangle: (draft, chance) =>
      inQuery(draft, chance, (each) => `${each.split('=')[0]}=${encodeURI(chance.pick(NUMBERS))}`),
  },
  {
    name: 'a parameter spoilt',
    mangle: (draft, chance) =>
      inQuery(draft, chance, (each) => `${each.split('=')[0]}=${chance.pick(SEGMENTS)}`),
  },
  {
    name: 'a parameter doubled',
    mangle: (draft, chance) => inQuery(draft, chance, (each) => `${each}&${each}`),
  },
  {
    name: 'a parameter unknown',
    mangle: (draft, chance) => ({
      ...draft,
      query: `${draft.query}${draft.query && '&'}${chance.pick(SEGMENTS)}=${chance.pick(SEGMENTS)}`,
    }),
  },
  {
    name: 'many parameters',
    mangle: (draft, chance) => {
      const many = Array.from({ length: chance.whole(10, 2_000) }, (_, index) => `p${index}=${index}`);
      return { ...draft, query: [draft.query, ...many].filter((each) => each !== '').join('&') };
    },
  },
  {
    name: 'a strange query',
    mangle: (draft, chance) => ({ ...draft, query: chance.pick(['&&&', '=', '==&=', '?']) }),
  },
];

const OF_HEADERS: readonly Mangling[] = [
  { name: 'another method', mangle: (draft, chance) => ({ ...draft, method: chance.pick(METHODS) }) },
  {
    name: 'a header spoilt',
    mangle: (draft, chance) => withHeader(draft, chance.pick(GENERAL_HEADERS), chance.pick(TEXTS)),
  },
  { name: 'a strange range', mangle: (draft, chance) => withHeader(draft, 'Range', chance.pick(SIZES)) },
  { name: 'a strange host', mangle: (draft, chance) => withHeader(draft, 'Host', chance.pick(HOSTS)) },
  {
    name: 'a header doubled',
    mangle: (draft, chance) => {
      const name = chance.pick(GENERAL_HEADERS);
      const lines = [chance.pick(TEXTS), chance.pick(TEXTS)].map((value) => [name, value] as const);
      return { ...draft, headers: [...draft.headers, ...lines] };
    },
  },
  {
    name: 'many headers',
    mangle: (draft, chance) => {
      const count = chance.pick([50, 200, 1_200]);
      const many = Array.from({ length: count }, (_, index) => [`x-many-${index}`, 'v'] as const);
      return { ...draft, headers: [...draft.headers, ...many] };
    },
  },
  {
    name: 'a strange name',
    mangle: (draft, chance) => {
      const name = chance.pick([
        '__proto__',
        'constructor',
        'x-amz-meta-__proto__',
        'X',
        '!#$%&',
        'toString',
      ]);
      return { ...draft, headers: [...draft.headers, [name, chance.pick(TEXTS)]] };
    },
  },
  {
    name: 'a body where none belongs',
    mangle: (draft, chance) => ({ ...draft, body: Buffer.from(letters(chance, chance.whole(1, 5_000))) }),
  },
];

export const TARGET_MANGLINGS: readonly Mangling[] = [...OF_PATHS, ...OF_QUERIES, ...OF_HEADERS];
