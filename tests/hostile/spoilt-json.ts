// Owns what is done to JSON: wrong types, depth, numbers, names and bytes that programs trip over.

import type { Chance } from '#tests/simulation/world.ts';
import { noise } from './hostile-values.ts';

const LEAVES: readonly string[] = [
  ...[
    'null',
    'true',
    '0',
    '-1',
    '1e999',
    '-1e999',
    '1.5',
    '99999999999999999999999',
    '""',
    '"\\u0000"',
    '[]',
  ],
  ...['{}', '[[]]', '{"a":{"b":[]}}', '"\\ud800"', '"\\u202e"', '[null]', '{"__proto__":{"admin":true}}'],
  ...['{"constructor":{"prototype":{"a":1}}}', '"admin"', '"default"', '"%00"', '"../.."', '{"length":1}'],
  ...['{"toString":null,"valueOf":1}', '{"id":{}}', '[{"id":[]}]', '"2099-99-99T99:99:99Z"', '"/v3/{*"'],
];

type Spoil = (json: string, chance: Chance) => Buffer;

const text = (spoil: (json: string, chance: Chance) => string): Spoil => {
  return (json, chance) => Buffer.from(spoil(json, chance));
};

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth);

/** One of its values replaced, whatever it was. */
function withLeaf(json: string, leaf: string, chance: Chance): string {
  const places = [...json.matchAll(/:("[^"]*"|true|false|null|-?\d+|\{|\[)/g)];
  const place = places[chance.whole(0, Math.max(0, places.length - 1))];
  if (!place) return leaf;
  const start = place.index + 1;
  const opens = place[1] === '{' || place[1] === '[';
  const end = opens ? endOf(json, start) : start + (place[1] as string).length;
  return json.slice(0, start) + leaf + json.slice(end);
}

function endOf(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    if ('{['.includes(json[at] as string)) depth++;
    if ('}]'.includes(json[at] as string) && --depth === 0) return at + 1;
  }
  return json.length;
}

const leaf: Spoil = text((json, chance) => withLeaf(json, chance.pick(LEAVES), chance));

const SPOILS: readonly Spoil[] = [
  ...Array.from({ length: 20 }, () => leaf),
  text((json, chance) =>
    withLeaf(json, JSON.stringify('y'.repeat(chance.pick([256, 65_536, 200_000]))), chance),
  ),
  text((json, chance) => withLeaf(json, `[${'{"id":"x"},'.repeat(chance.pick([10, 5_000]))}{}]`, chance)),
  text((json, chance) => withLeaf(json, nested(chance.pick([100, 20_000, 60_000]), '[', ']'), chance)),
  text((json, chance) =>
    withLeaf(json, `${nested(chance.pick([100, 10_000]), '{"a":', '}').replace(':}', ':1}')}`, chance),
  ),
  text((json) => json.replace(/"(\w+)":/, '"__proto__":{"isCloudAdmin":true},"$1":')),
  text((json) => json.replace(/("\w+":)/, '$1null,$1')),
  text((json, chance) => json.slice(0, chance.whole(0, json.length))),
  text((json) => json.replaceAll('"', "'")),
  text((json) => `${json.slice(0, -1)},}`),
  text((json) => `/* */${json}`),
  text((json) => json + json),
  text((json) => `[${json}]`),
  text((_json, chance) => chance.pick(LEAVES)),
  text((json) => json.replace(/:"?[^",{}[\]]*"?/, ':NaN')),
  text(
    (json, chance) =>
      `${json.slice(0, -1)},${Array.from({ length: chance.pick([60, 3_000]) }, (_, i) => `"k${i}":"v"`)}}`,
  ),
  text((json, chance) => json.replace(/\{/, `{${' '.repeat(chance.pick([1_000, 300_000, 1_200_000]))}`)),
  (json) => Buffer.from(json, 'utf16le'),
  (json) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(json)]),
  (json, chance) => {
    const bytes = Buffer.from(json);
    for (let count = chance.whole(1, 5); count > 0; count--) {
      bytes[chance.whole(0, bytes.length - 1)] = chance.whole(0, 255);
    }
    return bytes;
  },
  (_json, chance) => noise(chance, chance.whole(0, 3_000)),
];

export function spoiltJson(json: Buffer, chance: Chance): Buffer {
  return chance.pick(SPOILS)(json.length > 0 ? json.toString() : '{"a":1}', chance);
}
