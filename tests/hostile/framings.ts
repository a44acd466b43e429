// Owns requests that leave open, or say in two ways, where they end: what is known of request smuggling, and
// heads that are no heads. Nothing follows them on their connection.

import type { Chance } from '#tests/simulation/world.ts';
import { type Draft, type HeaderLine, SMUGGLED, written } from './dialect.ts';
import { NUMBERS, noise } from './hostile-values.ts';

export interface Framing {
  readonly name: string;
  write(draft: Draft, chance: Chance): Buffer;
}

/** A request that must stay part of the body that it is hidden in. */
export function hidden(draft: Draft): Buffer {
  return Buffer.from(
    `GET ${draft.path.split('/').slice(0, 2).join('/')}/${SMUGGLED} HTTP/1.1\r\nHost: h\r\n\r\n`,
  );
}

/** None that is shorter than what follows: the rest would be a request of its own. */
const LENGTHS = [
  ...NUMBERS.filter((each) => !/^0*[01]$/.test(each)),
  '5, 5',
  '5,6',
  '-5',
  '+5',
  '5;',
  '0x5',
  '5 5',
  '\t5',
  '5\x0b',
  '٥',
];
const CODINGS = [
  ...['chunked', 'Chunked', 'chunked, chunked', 'chunked, identity', 'identity', 'gzip, chunked', 'xchunked'],
  ...['chunked\t', '\x0bchunked', 'chunked;q=1', '"chunked"', 'chunk', '', ',chunked', 'chunked,'],
];

const chunkedBody = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);

function posting(draft: Draft, body: Buffer): Draft {
  const method = draft.method === 'GET' || draft.method === 'HEAD' ? 'POST' : draft.method;
  return { ...draft, method, body };
}

function framed(draft: Draft, body: Buffer, ...framing: HeaderLine[]): Buffer {
  return written(posting(draft, body), framing);
}

const LENGTHS_AND_CODINGS: readonly Framing[] = [
  {
    name: 'a spoilt length',
    write: (draft, chance) => framed(draft, hidden(draft), ['Content-Length', chance.pick(LENGTHS)]),
  },
  {
    name: 'two lengths',
    write(draft) {
      const body = hidden(draft);
      return framed(draft, body, ['Content-Length', '0'], ['Content-Length', String(body.length)]);
    },
  },
  {
    name: 'a length and a coding',
    write(draft, chance) {
      const body = Buffer.concat([Buffer.from('0\r\n\r\n'), hidden(draft)]);
      const lines: HeaderLine[] = [
        ['Content-Length', String(body.length)],
        ['Transfer-Encoding', 'chunked'],
      ];
      return framed(draft, body, ...(chance.happens(0.5) ? lines : lines.reverse()));
    },
  },
  {
    name: 'a spoilt coding',
    write: (draft, chance) =>
      framed(draft, chunkedBody(hidden(draft)), ['Transfer-Encoding', chance.pick(CODINGS)]),
  },
  {
    name: 'two codings',
    write: (draft, chance) =>
      framed(
        draft,
        chunkedBody(hidden(draft)),
        ['Transfer-Encoding', chance.pick(CODINGS)],
        ['Transfer-encoding', 'chunked'],
      ),
  },
  {
    name: 'a coding with a space before its colon',
    write(draft) {
      const body = hidden(draft);
      return framed(draft, body, ['Content-Length', String(body.length)], ['Transfer-Encoding ', 'chunked']);
    },
  },
  {
    name: 'a folded coding',
    write(draft) {
      const body = hidden(draft);
      return framed(
        draft,
        body,
        ['Content-Length', String(body.length)],
        ['X', '1\r\n Transfer-Encoding: chunked'],
      );
    },
  },
  {
    name: 'a body in chunks',
    write: (draft) => framed(draft, chunkedBody(draft.body), ['Transfer-Encoding', 'chunked']),
  },
];

const CHUNKS = [
  ...['-1\r\n', 'fffffffffffffffff\r\n', '7fffffffffffffff\r\nx', '5\nhello\r\n0\r\n\r\n', '\r\n', 'g\r\n'],
  ...[
    '5;a=b\r\nhello\r\n0\r\n\r\n',
    '5;a\n=b\r\nhello\r\n0\r\n\r\n',
    '5 \r\nhello\r\n0\r\n\r\n',
    '0x5\r\nhello\r\n0\r\n\r\n',
  ],
  ...['5\r\nhelloXX0\r\n\r\n', '0\r\nContent-Length: 5\r\n\r\n', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ...[
    '0\r\nX: y\n\r\n',
    '0\r\n: \r\n\r\n',
    `0\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`,
    `${'0'.repeat(300)}5\r\nhello\r\n`,
  ],
  ...[`5;${'e'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`, '5\r\nhel', '5\r\nhello\r\n'],
];

const HEADS: readonly Framing[] = [
  {
    name: 'spoilt chunks',
    write: (draft, chance) =>
      framed(draft, Buffer.from(chance.pick(CHUNKS), 'latin1'), ['Transfer-Encoding', 'chunked']),
  },
  {
    name: 'control characters in a value',
    write(draft, chance) {
      const control = chance.pick([
        '\0',
        '\r',
        '\n',
        '\x01',
        '\x0b',
        '\x1b',
        '\x7f',
        '\r\n ',
        '\r\n\t',
        '\n\n',
        '\r\r\n',
      ]);
      return written({ ...draft, headers: [...draft.headers, ['x-spoilt', `a${control}b: c`]] });
    },
  },
  {
    name: 'a spoilt name',
    write(draft, chance) {
      const name = chance.pick(['a b', ' a', '', 'a\0', 'a\xff', 'a:', '(a)', 'a\t', '"a"', 'a\r', '@']);
      return written({ ...draft, headers: [[name, '1'], ...draft.headers] });
    },
  },
  {
    name: 'a line without a colon',
    write: (draft) =>
      Buffer.from(written(draft).toString('latin1').replace('\r\n', '\r\nnothing\r\n'), 'latin1'),
  },
  {
    name: 'lines that end in a line feed',
    write: (draft) => Buffer.from(written(draft).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  },
  {
    name: 'a spoilt first line',
    write(draft, chance) {
      const line = chance.pick([
        ...[
          'GET  / HTTP/1.1',
          'GET / HTTP/1.0',
          'GET / HTTP/0.9',
          'GET /',
          'GET / HTTP/2.0',
          'get / HTTP/1.1',
        ],
        ...[
          'FOO / HTTP/1.1',
          'GET\t/\tHTTP/1.1',
          'GET / HTTP/1.1 ',
          ' GET / HTTP/1.1',
          'GET * HTTP/1.1',
          'GET / http/1.1',
        ],
        ...[
          'CONNECT a:1 HTTP/1.1',
          'OPTIONS * HTTP/1.1',
          'GET /\xff HTTP/1.1',
          'GET /a b HTTP/1.1',
          'GET /\0 HTTP/1.1',
        ],
        ...[
          'PRI * HTTP/2.0',
          'GET a HTTP/1.1',
          'GET ?x HTTP/1.1',
          'GET // HTTP/1.1',
          'GET / HTTP/1.11',
          'M-SEARCH * HTTP/1.1',
        ],
        ...[
          `GET /${'a'.repeat(70_000)} HTTP/1.1`,
          '\r\n\r\nGET / HTTP/1.1',
          'GET /\r / HTTP/1.1',
          'GET http:// HTTP/1.1',
        ],
      ]);
      const text = written(draft).toString('latin1');
      return Buffer.from(line + text.slice(text.indexOf('\r\n')), 'latin1');
    },
  },
  {
    name: 'an upgrade',
    write(draft, chance) {
      const to = chance.pick(['h2c', 'websocket', 'TLS/1.3', '', ',']);
      const lines: HeaderLine[] = [
        ['Connection', 'Upgrade, HTTP2-Settings'],
        ['Upgrade', to],
        ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
      ];
      return written({ ...draft, headers: [...draft.headers, ...lines] });
    },
  },
  {
    name: 'an expectation',
    write(draft, chance) {
      const expected = chance.pick(['100-continue', '100-Continue', '200-ok', '', '100-continue, x']);
      return written({ ...draft, headers: [...draft.headers, ['Expect', expected]] });
    },
  },
  {
    name: 'a connection that is named away',
    write(draft, chance) {
      const value = chance.pick([
        'close',
        'keep-alive, close',
        'host',
        'content-length',
        'transfer-encoding',
        ',',
        '',
      ]);
      return written({ ...draft, headers: [...draft.headers, ['Connection', value]] });
    },
  },
  {
    name: 'a head that is too large',
    write: (draft, chance) =>
      written({
        ...draft,
        headers: [...draft.headers, ['x-large', 'a'.repeat(chance.pick([65_000, 200_000]))]],
      }),
  },
];

const PIECES: readonly Framing[] = [
  {
    name: 'an end too early',
    write(draft, chance) {
      const bytes = written(draft);
      return bytes.subarray(0, chance.whole(1, bytes.length - 1));
    },
  },
  {
    name: 'a body that is not there',
    write: (draft, chance) =>
      framed(draft, Buffer.from('x'), [
        'Content-Length',
        chance.pick(['2', '1000', '17000000', '999999999999999']),
      ]),
  },
  { name: 'noise', write: (_draft, chance) => noise(chance, chance.whole(1, 2_000)) },
  {
    name: 'bytes flipped',
    write(draft, chance) {
      const bytes = written(draft);
      for (let count = chance.whole(1, 4); count > 0; count--)
        bytes[chance.whole(0, bytes.length - 1)] = chance.whole(0, 255);
      return bytes;
    },
  },
];

export const FRAMINGS: readonly Framing[] = [...LENGTHS_AND_CODINGS, ...HEADS, ...PIECES];
