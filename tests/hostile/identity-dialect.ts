// Owns Keystone as it is attacked by whoever has the token: requests made from the table of operations,
// their documents, and tokens that are none.

import { OPERATIONS } from '#gateways/identity/operations/operations.ts';
import type { Chance } from '#tests/simulation/world.ts';
import type { Answer } from './answers.ts';
import {
  type Dialect,
  type Draft,
  type Forgery,
  type HostileCase,
  type Mangling,
  type Probe,
  withHeader,
} from './dialect.ts';
import { letters, SEGMENTS, TEXTS } from './hostile-values.ts';
import { documentFor, type IdentityIds } from './identity-documents.ts';
import { spoiltJson } from './spoilt-json.ts';

/** What the attacker finds. What is named here may be changed and deleted. */
export interface IdentityScene extends IdentityIds {
  readonly host: string;
}

/** In the descriptions of what is not the attacker's. */
export const SENTINEL = 'none of your business';

const NOTHING = Buffer.alloc(0);
const QUERIES = [
  ...[
    'name=a',
    'domain_id=default',
    'enabled=true',
    'enabled=x',
    'limit=-1',
    'marker=x',
    'sort_key=__proto__',
  ],
  ...[
    'parent_id=x',
    'tags=a,b',
    'not-tags=',
    'effective',
    'include_names',
    'scope.project.id=x',
    'role.id=y',
  ],
  ...[
    'user.id=x&group.id=y',
    'nocatalog',
    'allow_expired=1',
    'parents_as_list',
    'subtree_as_ids',
    'subtree_as_list',
  ],
];
const HEADERS = [
  'X-Auth-Token',
  'X-Subject-Token',
  'Openstack-Auth-Receipt',
  'X-Service-Token',
  'Accept',
  'Vary',
];
const SUCCESSES = new Set([200, 201, 204, 300]);
const FAILURES = new Set([400, 401, 403, 404, 405, 409, 413, 501]);
const OF_THE_PARSER = new Set([400, 408, 417, 431, 501]);

export class IdentityDialect implements Dialect {
  readonly host: string;
  readonly #scene: IdentityScene;
  readonly #mayRead: boolean;
  readonly #operations = Object.values(OPERATIONS);

  /** @param mayRead whether the sentinel is open to the attacker */
  constructor(scene: IdentityScene, mayRead = false) {
    this.#mayRead = mayRead;
    this.host = scene.host;
    this.#scene = scene;
  }

  draw(chance: Chance): Draft {
    const { method, path } = chance.pick(this.#operations);
    const filled = `/identity${path.replace(/:([a-z_]+)/g, (_, name: string) => this.#idOf(name, chance))}`;
    const takesDocument = method === 'POST' || method === 'PATCH' || path.endsWith('/tags');
    const document = takesDocument ? JSON.stringify(documentFor(filled, this.#scene, chance)) : '';
    const headers = takesDocument ? ([['Content-Type', 'application/json']] as const) : [];
    const query = method === 'GET' && chance.happens(0.3) ? chance.pick(QUERIES) : '';
    return { method, path: filled, query, headers, body: document === '' ? NOTHING : Buffer.from(document) };
  }

  #idOf(name: string, chance: Chance): string {
    const { domainId, projectId, userId, roleId } = this.#scene;
    const ids: Readonly<Record<string, readonly string[]>> = {
      targets: ['projects', 'domains'],
      actors: ['users', 'groups'],
      target_id: [projectId, domainId],
      actor_id: [userId],
      user_id: [userId],
      project_id: [projectId],
      domain_id: [domainId],
      role_id: [roleId],
      implied_role_id: [roleId],
    };
    if (chance.happens(0.1)) return letters(chance, 32);
    return chance.pick(ids[name] ?? ['something']);
  }

  readonly manglings: readonly Mangling[] = [
    {
      name: 'a document spoilt',
      mangle: (draft, chance) => {
        // Where one is taken, so that it gets as far as being read.
        let taken = draft;
        while (taken.body.length === 0) taken = this.draw(chance);
        return { ...taken, body: spoiltJson(taken.body, chance) };
      },
    },
    {
      name: 'a header of identity spoilt',
      mangle: (draft, chance) => withHeader(draft, chance.pick(HEADERS), chance.pick(TEXTS)),
    },
    {
      name: 'a strange query',
      mangle: (draft, chance) => ({ ...draft, query: `${chance.pick(QUERIES)}&${chance.pick(QUERIES)}` }),
    },
    {
      name: 'a strange id',
      mangle: (draft, chance) => ({
        ...draft,
        path: draft.path.replace(/[^/]*$/, () => chance.pick(SEGMENTS)),
      }),
    },
  ];

  readonly forgeries: readonly Forgery[] = [
    {
      name: 'another signature',
      mustRefuse: false,
      mangle: (draft) => withHeader(draft, 'X-Auth-Token', `${this.#scene.token.slice(0, -4)}AAAA`),
    },
    {
      name: 'a token without a signature',
      mustRefuse: false,
      mangle: (draft) => {
        const [, payload] = this.#scene.token.split('.');
        const head = Buffer.from('{"alg":"none"}').toString('base64url');
        return withHeader(draft, 'X-Auth-Token', `${head}.${payload}.`);
      },
    },
    {
      name: 'a spoilt token',
      mustRefuse: false,
      mangle: (draft, chance) => withHeader(draft, 'X-Auth-Token', chance.pick(TEXTS)),
    },
  ];

  seal(draft: Draft, chance: Chance): Draft {
    const { token } = this.#scene;
    const has = (name: string) => draft.headers.some(([each]) => each.toLowerCase() === name);
    const host = has('host') ? [] : ([['Host', this.host]] as const);
    const own = has('x-auth-token') || chance.happens(0.05) ? [] : ([['X-Auth-Token', token]] as const);
    const subject =
      has('x-subject-token') || chance.happens(0.5) ? [] : ([['X-Subject-Token', token]] as const);
    // Its own end is no part of the attack.
    const revokes = draft.method === 'DELETE' && draft.path.endsWith('/auth/tokens');
    return { ...draft, headers: [...host, ...own, ...(revokes ? [] : subject), ...draft.headers] };
  }

  probe(index: number): Probe {
    const path = `/identity/v3/probe-${index}`;
    return {
      draft: { method: 'GET', path, query: '', headers: [['Host', this.host]], body: NOTHING },
      isAnsweredBy: ({ status, body }) => status === 404 && body.includes(`probe-${index}`),
    };
  }

  complaint({ draft }: HostileCase, { status, headers, body }: Answer): string | undefined {
    if (!this.#mayRead && body.includes(SENTINEL)) return 'the sentinel was read';
    if (SUCCESSES.has(status)) return undefined;
    if (headers.get('content-type') === 'text/plain') {
      return OF_THE_PARSER.has(status) ? undefined : `${status} in plain text`;
    }
    if (!FAILURES.has(status)) return `${status} is not documented: ${body}`;
    if (draft.method === 'HEAD' && body === '') return undefined;
    return isErrorDocument(body, status) ? undefined : `${status} without a document: ${body}`;
  }
}

function isErrorDocument(body: string, status: number): boolean {
  try {
    const { code, message, title } = JSON.parse(body).error;
    return code === status && typeof message === 'string' && typeof title === 'string';
  } catch {
    return false;
  }
}
