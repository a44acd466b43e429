// Owns the operations of unified limits: registered limits, which hold for every project, and the limits of
// single projects and domains, which override them. The model is `flat`: no limit follows from another.

import { newId } from '#core/kernel/ids.ts';
import type { StoredQuotas } from '#projections/identity-by-id/identity-by-id.query.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  documentOf,
  Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { listAnswer } from '../documents.ts';
import { badRequest } from '../errors.ts';
import { wholeCatalog } from '../own-services.ts';

type Registered = StoredQuotas['registered'][number];
type Limit = StoredQuotas['limits'][number];

/** Keystone's word for "as much as one likes". */
const UNLIMITED = -1;

const common = ({ limitId: id, serviceId, regionId, resource, description }: Registered) => ({
  ...{ id, service_id: serviceId, region_id: regionId || null, resource_name: resource, description },
});

const registeredDocument = (call: IdentityCall, registered: Registered) => ({
  ...common(registered),
  ...{ default_limit: registered.limit ?? UNLIMITED },
  links: { self: `${call.base}/registered_limits/${registered.limitId}` },
});

const limitDocument = (call: IdentityCall, limit: Limit) => ({
  ...common(limit),
  ...{ resource_limit: limit.limit ?? UNLIMITED },
  ...{ project_id: limit.projectId ?? null, domain_id: limit.domainId ?? null },
  links: { self: `${call.base}/limits/${limit.limitId}` },
});

function amountOf(fields: Fields, name: string): { readonly limit?: number } {
  const amount = fields.whole(name);
  if (amount < UNLIMITED) throw badRequest(`Invalid input for field '${name}': ${amount}`);
  return amount === UNLIMITED ? {} : { limit: amount };
}

/** What both sorts of limit have; the service and the region must be there. */
function resourceOf(call: IdentityCall, fields: Fields, limitId: string): Omit<Registered, 'limit'> {
  const { services, regions } = wholeCatalog(call);
  const serviceId = fields.name('service_id');
  const regionId = fields.optionalText('region_id') ?? '';
  if (!services.some((service) => service.serviceId === serviceId)) {
    throw badRequest(`Could not find service: ${serviceId}.`);
  }
  if (regionId !== '' && !regions.some((region) => region.regionId === regionId)) {
    throw badRequest(`Could not find region: ${regionId}.`);
  }
  const description = fields.optionalText('description') ?? '';
  return { limitId, serviceId, regionId, resource: fields.name('resource_name'), description };
}

function isAsked(call: IdentityCall, { serviceId, regionId, resource }: Registered): boolean {
  const matches = (parameter: string, value: string) => (call.query.get(parameter) ?? value) === value;
  return (
    matches('service_id', serviceId) && matches('region_id', regionId) && matches('resource_name', resource)
  );
}

const registeredIn = (call: IdentityCall): readonly Registered[] => viewOf(call).quotas().registered;

function registeredOf(call: IdentityCall): Registered {
  const id = param(call, 'limit_id');
  return found(
    registeredIn(call).find(({ limitId }) => limitId === id),
    'registered limit',
    id,
  );
}

function limitOf(call: IdentityCall): Limit {
  const id = param(call, 'limit_id');
  return found(
    viewOf(call)
      .quotas()
      .limits.find(({ limitId }) => limitId === id),
    'limit',
    id,
  );
}

const setRegistered = async (call: IdentityCall, limit: Registered) =>
  accept(
    await call.gateway.identity.catalog.changeLimits(actorOf(call), { type: 'SetRegisteredLimit', limit }),
  );

const setLimit = async (call: IdentityCall, limit: Limit) =>
  accept(await call.gateway.identity.catalog.changeLimits(actorOf(call), { type: 'SetLimit', limit }));

async function createRegistered(call: IdentityCall): Promise<Answer> {
  const fields = new Fields(await documentOf(call), '').records('registered_limits');
  const made: Registered[] = [];
  for (const each of fields) {
    const limit = {
      ...resourceOf(call, each, newId(call.gateway.random)),
      ...amountOf(each, 'default_limit'),
    };
    await setRegistered(call, limit);
    made.push(limit);
  }
  return { status: 201, document: { registered_limits: made.map((each) => registeredDocument(call, each)) } };
}

async function createLimits(call: IdentityCall): Promise<Answer> {
  const fields = new Fields(await documentOf(call), '').records('limits');
  const view = viewOf(call);
  const made: Limit[] = [];
  for (const each of fields) {
    const projectId = each.optionalText('project_id') || undefined;
    const domainId = each.optionalText('domain_id') || undefined;
    if ((projectId === undefined) === (domainId === undefined)) {
      throw badRequest('A limit is of a project or of a domain.');
    }
    if (projectId !== undefined) found(view.get('project', projectId), 'project', projectId);
    if (domainId !== undefined) found(view.get('domain', domainId), 'domain', domainId);
    const limit = {
      ...resourceOf(call, each, newId(call.gateway.random)),
      ...amountOf(each, 'resource_limit'),
      ...(projectId !== undefined && { projectId }),
      ...(domainId !== undefined && { domainId }),
    };
    await setLimit(call, limit);
    made.push(limit);
  }
  return { status: 201, document: { limits: made.map((each) => limitDocument(call, each)) } };
}

/** Whoever does not administer the cloud sees the limits of the own project or domain. */
function isSeen(call: IdentityCall, { projectId, domainId }: Limit): boolean {
  const { isCloudAdmin, scope } = callerOf(call);
  if (isCloudAdmin || scope?.kind === 'system') return true;
  if (scope?.kind === 'project') return projectId === scope.id;
  return scope?.kind === 'domain' && domainId === scope.id;
}

const REGISTERED = '/v3/registered_limits';
const LIMITS = '/v3/limits';

export const limitOperations = {
  list_registered_limits: {
    ...{ method: 'GET', path: REGISTERED },
    run(call) {
      const asked = registeredIn(call).filter((each) => isAsked(call, each));
      return listAnswer(
        call,
        'registered_limits',
        asked.map((each) => registeredDocument(call, each)),
      );
    },
  },
  create_registered_limits: { method: 'POST', path: REGISTERED, run: createRegistered },
  get_registered_limit: {
    ...{ method: 'GET', path: `${REGISTERED}/:limit_id` },
    run: (call) => ok({ registered_limit: registeredDocument(call, registeredOf(call)) }),
  },
  update_registered_limit: {
    ...{ method: 'PATCH', path: `${REGISTERED}/:limit_id` },
    async run(call) {
      const { limit: before, ...known } = registeredOf(call);
      const fields = await bodyOf(call, 'registered_limit');
      const amount = fields.has('default_limit') ? amountOf(fields, 'default_limit') : optional(before);
      const description = fields.optionalText('description') ?? known.description;
      const resource = fields.optionalName('resource_name') ?? known.resource;
      await setRegistered(call, { ...known, ...amount, description, resource });
      return ok({ registered_limit: registeredDocument(call, registeredOf(call)) });
    },
  },
  delete_registered_limit: {
    ...{ method: 'DELETE', path: `${REGISTERED}/:limit_id` },
    async run(call) {
      const { limitId } = registeredOf(call);
      const command = { type: 'DeleteRegisteredLimit', limitId } as const;
      accept(await call.gateway.identity.catalog.changeLimits(actorOf(call), command));
      return NO_CONTENT;
    },
  },
  list_limits: {
    ...{ method: 'GET', path: LIMITS },
    run(call) {
      const { query } = call;
      const asked = viewOf(call)
        .quotas()
        .limits.filter(
          (limit) =>
            isAsked(call, limit) &&
            isSeen(call, limit) &&
            (query.get('project_id') ?? limit.projectId) === limit.projectId &&
            (query.get('domain_id') ?? limit.domainId) === limit.domainId,
        );
      return listAnswer(
        call,
        'limits',
        asked.map((each) => limitDocument(call, each)),
      );
    },
  },
  create_limits: { method: 'POST', path: LIMITS, run: createLimits },
  get_limit_model: {
    ...{ method: 'GET', path: `${LIMITS}/model` },
    run: () =>
      ok({
        model: {
          name: 'flat',
          description: 'Limit enforcement and validation does not take project hierarchy into consideration.',
        },
      }),
  },
  get_limit: {
    ...{ method: 'GET', path: `${LIMITS}/:limit_id` },
    facts(call) {
      const id = param(call, 'limit_id');
      const limit = viewOf(call)
        .quotas()
        .limits.find(({ limitId }) => limitId === id);
      return { projectId: limit?.projectId, domainId: limit?.domainId };
    },
    run: (call) => ok({ limit: limitDocument(call, limitOf(call)) }),
  },
  update_limit: {
    ...{ method: 'PATCH', path: `${LIMITS}/:limit_id` },
    async run(call) {
      const { limit: before, ...known } = limitOf(call);
      const fields = await bodyOf(call, 'limit');
      const amount = fields.has('resource_limit') ? amountOf(fields, 'resource_limit') : optional(before);
      const description = fields.optionalText('description') ?? known.description;
      await setLimit(call, { ...known, ...amount, description });
      return ok({ limit: limitDocument(call, limitOf(call)) });
    },
  },
  delete_limit: {
    ...{ method: 'DELETE', path: `${LIMITS}/:limit_id` },
    async run(call) {
      const { limitId } = limitOf(call);
      const command = { type: 'DeleteLimit', limitId } as const;
      accept(await call.gateway.identity.catalog.changeLimits(actorOf(call), command));
      return NO_CONTENT;
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;

const optional = (limit: number | undefined) => (limit === undefined ? {} : { limit });
