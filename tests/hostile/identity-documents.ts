// Owns the JSON of hostile requests: what is legal where documents are taken, and what is done to it.

import type { Chance } from '#tests/simulation/world.ts';
import { letters, noise } from './hostile-values.ts';

export interface IdentityIds {
  readonly domainId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly roleId: string;
  readonly token: string;
}

/** A legal document for the collection that the path ends in, or that it names a member of. */
export function documentFor(path: string, ids: IdentityIds, chance: Chance): object {
  const name = `n-${letters(chance, 6)}`;
  const { domainId: domain_id, projectId, userId, roleId } = ids;
  const documents: Readonly<Record<string, () => object>> = {
    tokens: () => loginFor(ids, chance),
    domains: () => ({ domain: { name, description: 'd', enabled: true } }),
    projects: () => ({
      project: { name, domain_id, parent_id: projectId, tags: ['a', 'b'], is_domain: false },
    }),
    tags: () => ({ tags: ['a', name] }),
    users: () => ({
      user: { name, domain_id, password: 'secret', email: 'a@b', default_project_id: projectId },
    }),
    password: () => ({ user: { original_password: 'wrong', password: 'new' } }),
    groups: () => ({ group: { name, domain_id, description: 'd' } }),
    roles: () => ({ role: { name, domain_id, options: { immutable: false } } }),
    'OS-EC2': () => ({ tenant_id: projectId }),
    application_credentials: () => ({
      application_credential: {
        ...{ name, roles: [{ id: roleId }], unrestricted: false, expires_at: '2099-01-01T00:00:00' },
        access_rules: [{ service: 'identity', method: 'GET', path: '/v3/**' }],
      },
    }),
    regions: () => ({ region: { id: name, description: 'd', parent_region_id: null } }),
    services: () => ({ service: { name, type: 'x', enabled: true } }),
    endpoints: () => ({
      endpoint: { service_id: 'x', interface: 'public', url: 'http://a', region_id: 'b' },
    }),
    registered_limits: () => ({
      registered_limits: [{ service_id: 'x', resource_name: 'r', default_limit: 5 }],
    }),
    limits: () => ({
      limits: [{ service_id: 'x', resource_name: 'r', resource_limit: 5, project_id: projectId }],
    }),
    s3tokens: () => ({ credentials: { access: 'a', token: 'b', signature: 'c' } }),
    ec2tokens: () => ({
      credentials: {
        ...{ access: 'a', verb: 'GET', host: 'h', path: '/', signature: 's', body_hash: 'x' },
        ...{ params: { X: 'y' }, headers: { authorization: 'AWS4-HMAC-SHA256 Credential=a' } },
      },
    }),
  };
  const segments = path.split('/').reverse();
  const found = segments.find((segment) => Object.hasOwn(documents, segment));
  const document = found === undefined ? { nothing: { name, userId } } : documents[found]?.();
  return document ?? {};
}

function loginFor({ domainId, projectId, userId, token }: IdentityIds, chance: Chance): object {
  const user = { id: userId, name: 'mallory', password: 'wrong', domain: { id: domainId } };
  const identity = chance.pick([
    { methods: ['password'], password: { user } },
    { methods: ['token'], token: { id: token } },
    { methods: ['application_credential'], application_credential: { id: 'x', secret: 'y' } },
    { methods: ['totp'], totp: { user: { id: userId, passcode: '123456' } } },
    { methods: ['password', 'totp'], password: { user }, totp: { user: { id: userId, passcode: '0' } } },
    { methods: ['external'] },
  ]);
  const scope = chance.pick([
    ...[undefined, 'unscoped', { project: { id: projectId } }, { domain: { id: domainId } }],
    ...[{ system: { all: true } }, { project: { name: 'admin', domain: { name: 'Default' } } }],
  ]);
  return { auth: { identity, ...(scope !== undefined && { scope }) } };
}

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
