// Owns the operations of projects and their tags.

import { limits } from '#core/kernel/limits.ts';
import type { StoredProject } from '#projections/identity-by-id/identity-by-id.query.ts';
import { above, isAdminProject } from '#services/identity/effective-roles.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  documentOf,
  extraOf,
  Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { listAnswer, projectDocument } from '../documents.ts';
import { badRequest, forbidden, IdentityError } from '../errors.ts';
import { changesOf, factsOf, listFacts, listOf, newDomainId, ownDomain } from './directory.ts';

const NAME_CHARACTERS = 64;
const KNOWN = [
  ...['id', 'name', 'domain_id', 'parent_id', 'description', 'enabled', 'is_domain', 'tags'],
  ...['options', 'links'],
];
const facts = factsOf('project', 'project_id');

function projectOf(call: IdentityCall): StoredProject {
  const id = param(call, 'project_id');
  return found(viewOf(call).get('project', id), 'project', id);
}

const split = (text: string | undefined) => (text ? text.split(',') : []);

function hasTags(call: IdentityCall, { tags }: StoredProject): boolean {
  const { query } = call;
  const has = (tag: string) => tags.includes(tag);
  const any = split(query.get('tags-any'));
  const notAny = split(query.get('not-tags-any'));
  const not = split(query.get('not-tags'));
  return (
    split(query.get('tags')).every(has) &&
    (any.length === 0 || any.some(has)) &&
    (not.length === 0 || !not.every(has)) &&
    !notAny.some(has)
  );
}

async function list(call: IdentityCall): Promise<Answer> {
  const { query } = call;
  // Domains are no projects here.
  if (/^(1|true)$/i.test(query.get('is_domain') ?? '')) return listAnswer(call, 'projects', []);
  const parent = query.get('parent_id');
  const isBelow = ({ parentId, domainId }: StoredProject) =>
    parent === undefined || (parentId || domainId) === parent;
  return listOf(call, 'project', projectDocument, (project) => isBelow(project) && hasTags(call, project));
}

async function create(call: IdentityCall): Promise<Answer> {
  const fields = await bodyOf(call, 'project');
  if (fields.optionalFlag('is_domain')) throw new IdentityError(501, 'Make a domain by /v3/domains.');
  const given = fields.optionalText('parent_id') ?? '';
  const parent = viewOf(call).get('project', given);
  const isDomain = viewOf(call).get('domain', given) !== undefined;
  if (given !== '' && !parent && !isDomain) throw new IdentityError(404, `Could not find project: ${given}.`);
  const hasDomain = fields.optionalText('domain_id');
  const domainId = hasDomain || parent?.domainId || (isDomain ? given : newDomainId(call, fields));
  if (isDomain && domainId !== given) throw badRequest('A project lies in the domain of its parent.');
  const project = {
    domainId: ownDomain(call, domainId),
    parentId: parent ? given : '',
    name: fields.name('name', NAME_CHARACTERS),
    description: fields.optionalText('description') ?? '',
    enabled: fields.optionalFlag('enabled') ?? true,
    tags: fields.has('tags') ? checkedTags(fields.texts('tags')) : [],
    extra: extraOf(fields, KNOWN) ?? {},
  };
  const id = accept(await call.gateway.identity.directory.createProject(actorOf(call), project));
  return created({ project: projectDocument(call, found(viewOf(call).get('project', id), 'project', id)) });
}

/** That of the cloud's administrators is theirs alone. @throws IdentityError 403 */
function changeableProject(call: IdentityCall): StoredProject {
  const project = projectOf(call);
  if (isAdminProject(project) && !callerOf(call).isCloudAdmin) throw forbidden(call.operation);
  return project;
}

/** No slash and no comma, as lists of tags in a query are parted by commas. */
function checkedTags(tags: readonly string[]): readonly string[] {
  for (const tag of tags) {
    if (tag === '' || /[,/]/.test(tag)) throw badRequest(`Invalid input for field 'tags': '${tag}'`);
  }
  return [...new Set(tags)].sort();
}

async function tag(call: IdentityCall, tags: readonly string[]): Promise<void> {
  const { id } = projectOf(call);
  accept(await call.gateway.identity.directory.tagProject(actorOf(call), id, tags));
}

/** With what lies above or below, where the query asks for it, as far as the caller has a role there. */
async function show(call: IdentityCall): Promise<Answer> {
  const project = projectOf(call);
  const document: Record<string, unknown> = projectDocument(call, project);
  const view = viewOf(call);
  const { query } = call;
  const shown = (id: string) => {
    const each = view.get('project', id);
    return each ? [{ project: projectDocument(call, each) }] : [];
  };
  const parents = above(view, project.id).filter((id) => id !== project.domainId);
  if (query.has('parents_as_list')) document.parents = parents.flatMap(shown);
  if (query.has('parents_as_ids')) {
    document.parents = [...parents].reverse().reduce<object | null>((inner, id) => ({ [id]: inner }), null);
  }
  if (query.has('subtree_as_list')) document.subtree = (await below(call, project.id)).flatMap(shown);
  if (query.has('subtree_as_ids')) document.subtree = await tree(call, project.id);
  return ok({ project: document });
}

async function below(call: IdentityCall, id: string): Promise<readonly string[]> {
  const children = await viewOf(call).childrenOf(id, limits.identityListed);
  const deeper = await Promise.all(children.map((child) => below(call, child)));
  return [...children, ...deeper.flat()];
}

async function tree(call: IdentityCall, id: string): Promise<object | null> {
  const children = await viewOf(call).childrenOf(id, limits.identityListed);
  if (children.length === 0) return null;
  const branches = await Promise.all(
    children.map(async (child) => [child, await tree(call, child)] as const),
  );
  return Object.fromEntries(branches);
}

export const projectOperations = {
  list_projects: { method: 'GET', path: '/v3/projects', facts: listFacts, run: list },
  create_project: { method: 'POST', path: '/v3/projects', facts: listFacts, run: create },
  get_project: { method: 'GET', path: '/v3/projects/:project_id', facts, run: show },
  update_project: {
    ...{ method: 'PATCH', path: '/v3/projects/:project_id' },
    facts,
    async run(call) {
      const { id, extra: kept } = changeableProject(call);
      const fields = await bodyOf(call, 'project');
      const extra = extraOf(fields, KNOWN);
      const changes = {
        ...changesOf(fields, NAME_CHARACTERS),
        ...(extra && { extra: { ...kept, ...extra } }),
      };
      accept(await call.gateway.identity.directory.updateProject(actorOf(call), id, changes));
      if (fields.has('tags')) await tag(call, checkedTags(fields.texts('tags')));
      return ok({ project: projectDocument(call, projectOf(call)) });
    },
  },
  delete_project: {
    ...{ method: 'DELETE', path: '/v3/projects/:project_id' },
    facts,
    async run(call) {
      const { id } = changeableProject(call);
      accept(await call.gateway.identity.directory.deleteProject(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  list_project_tags: {
    ...{ method: 'GET', path: '/v3/projects/:project_id/tags' },
    facts,
    run: (call) => ok({ tags: projectOf(call).tags, links: links(call) }),
  },
  update_project_tags: {
    ...{ method: 'PUT', path: '/v3/projects/:project_id/tags' },
    facts,
    async run(call) {
      projectOf(call);
      const fields = new Fields(await documentOf(call), '');
      await tag(call, checkedTags(fields.texts('tags')));
      return ok({ tags: projectOf(call).tags, links: links(call) });
    },
  },
  delete_project_tags: {
    ...{ method: 'DELETE', path: '/v3/projects/:project_id/tags' },
    facts,
    async run(call) {
      await tag(call, []);
      return NO_CONTENT;
    },
  },
  get_project_tag: {
    ...{ method: 'GET', path: '/v3/projects/:project_id/tags/:value' },
    facts,
    run(call) {
      const value = param(call, 'value');
      found(projectOf(call).tags.includes(value) || undefined, 'project tag', value);
      return NO_CONTENT;
    },
  },
  create_project_tag: {
    ...{ method: 'PUT', path: '/v3/projects/:project_id/tags/:value' },
    facts,
    async run(call) {
      const { tags } = projectOf(call);
      const value = param(call, 'value');
      await tag(call, checkedTags([...tags, value]));
      return {
        status: 201,
        headers: [
          [
            'Location',
            `${call.base}/projects/${param(call, 'project_id')}/tags/${encodeURIComponent(value)}`,
          ],
        ],
      };
    },
  },
  delete_project_tag: {
    ...{ method: 'DELETE', path: '/v3/projects/:project_id/tags/:value' },
    facts,
    async run(call) {
      const { tags } = projectOf(call);
      const value = param(call, 'value');
      found(tags.includes(value) || undefined, 'project tag', value);
      await tag(
        call,
        tags.filter((each) => each !== value),
      );
      return NO_CONTENT;
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;

const links = (call: IdentityCall) => ({
  ...{ next: null, previous: null },
  self: `${call.base}/projects/${param(call, 'project_id')}/tags`,
});
