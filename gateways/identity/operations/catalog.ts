// Owns the operations of the catalog: regions, services, endpoints. What the cloud serves itself is shown
// among them and cannot be changed.

import { newId } from '#core/kernel/ids.ts';
import {
  accept,
  actorOf,
  bodyOf,
  created,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
} from '../call.ts';
import { listAnswer } from '../documents.ts';
import { badRequest, IdentityError } from '../errors.ts';
import { isOwnEndpoint, isOwnService, wholeCatalog } from '../own-services.ts';

type Catalog = ReturnType<typeof wholeCatalog>;
type Region = Catalog['regions'][number];
type Service = Catalog['services'][number];
type Endpoint = Catalog['endpoints'][number];

const regionDocument = (call: IdentityCall, { regionId: id, parentId, description }: Region) => ({
  ...{ id, description, parent_region_id: parentId || null, links: { self: `${call.base}/regions/${id}` } },
});

const serviceDocument = (call: IdentityCall, { serviceId: id, ...service }: Service) => ({
  ...{ id, ...service, links: { self: `${call.base}/services/${id}` } },
});

function endpointDocument(call: IdentityCall, endpoint: Endpoint) {
  const { endpointId: id, serviceId, regionId, interface: of, url, enabled } = endpoint;
  return {
    ...{ id, interface: of, service_id: serviceId, region: regionId || null, region_id: regionId || null },
    ...{ url, enabled, links: { self: `${call.base}/endpoints/${id}` } },
  };
}

function regionOf(call: IdentityCall): Region {
  const id = param(call, 'region_id');
  return found(
    wholeCatalog(call).regions.find(({ regionId }) => regionId === id),
    'region',
    id,
  );
}

function serviceOf(call: IdentityCall): Service {
  const id = param(call, 'service_id');
  return found(
    wholeCatalog(call).services.find(({ serviceId }) => serviceId === id),
    'service',
    id,
  );
}

function endpointOf(call: IdentityCall): Endpoint {
  const id = param(call, 'endpoint_id');
  return found(
    wholeCatalog(call).endpoints.find(({ endpointId }) => endpointId === id),
    'endpoint',
    id,
  );
}

function refuseOwn(isOwn: boolean): void {
  if (isOwn) throw new IdentityError(403, 'The cloud itself serves this; it follows from its configuration.');
}

async function setRegion(call: IdentityCall, region: Region): Promise<object> {
  const { gateway } = call;
  refuseOwn(region.regionId === gateway.region);
  if (region.parentId !== '') {
    const { regions } = wholeCatalog(call);
    const isThere = regions.some(({ regionId }) => regionId === region.parentId);
    found(isThere || undefined, 'region', region.parentId);
  }
  accept(await gateway.identity.catalog.changeCatalog(actorOf(call), { type: 'SetRegion', region }));
  return { region: regionDocument(call, region) };
}

async function setService(call: IdentityCall, service: Service): Promise<object> {
  accept(await call.gateway.identity.catalog.changeCatalog(actorOf(call), { type: 'SetService', service }));
  return { service: serviceDocument(call, service) };
}

async function setEndpoint(call: IdentityCall, endpoint: Endpoint): Promise<object> {
  const isOwn = {
    service: isOwnService(call, endpoint.serviceId),
    region: endpoint.regionId === call.gateway.region,
  };
  const command = { type: 'SetEndpoint', endpoint, isOwn } as const;
  accept(await call.gateway.identity.catalog.changeCatalog(actorOf(call), command));
  return { endpoint: endpointDocument(call, endpoint) };
}

function serviceFrom(fields: Fields, serviceId: string, before?: Service): Service {
  return {
    serviceId,
    type: fields.has('type') || !before ? fields.name('type') : before.type,
    name: fields.optionalText('name') ?? before?.name ?? '',
    description: fields.optionalText('description') ?? before?.description ?? '',
    enabled: fields.optionalFlag('enabled') ?? before?.enabled ?? true,
  };
}

function endpointFrom(fields: Fields, endpointId: string, before?: Endpoint): Endpoint {
  const required = (name: string, known: string | undefined) =>
    fields.has(name) || known === undefined ? fields.name(name) : known;
  const of = required('interface', before?.interface);
  if (!/^(public|internal|admin)$/.test(of)) throw badRequest(`Invalid input for field 'interface': '${of}'`);
  const url = required('url', before?.url);
  // Parts in `%(…)s` or `$(…)s` are the client's to fill in.
  if (!URL.canParse(url.replace(/[%$]\([a-z_]+\)s/g, 'x'))) throw badRequest(`'${url}' is no URL`);
  return {
    ...{ endpointId, url, interface: of },
    serviceId: required('service_id', before?.serviceId),
    regionId: fields.optionalText('region_id') ?? fields.optionalText('region') ?? before?.regionId ?? '',
    enabled: fields.optionalFlag('enabled') ?? before?.enabled ?? true,
  };
}

const isAsked = (call: IdentityCall, parameter: string, value: string) =>
  (call.query.get(parameter) ?? value) === value;

export const catalogOperations = {
  list_regions: {
    ...{ method: 'GET', path: '/v3/regions' },
    run(call) {
      const regions = wholeCatalog(call).regions;
      const asked = regions.filter(({ parentId }) => isAsked(call, 'parent_region_id', parentId));
      return listAnswer(
        call,
        'regions',
        asked.map((region) => regionDocument(call, region)),
      );
    },
  },
  create_region: {
    ...{ method: 'POST', path: '/v3/regions' },
    async run(call) {
      const fields = await bodyOf(call, 'region');
      const regionId = fields.optionalName('id') ?? newId(call.gateway.random);
      const isThere = wholeCatalog(call).regions.some((region) => region.regionId === regionId);
      if (isThere) throw new IdentityError(409, `Duplicate region found with ID ${regionId}.`);
      const parentId = fields.optionalText('parent_region_id') ?? '';
      const description = fields.optionalText('description') ?? '';
      return created(await setRegion(call, { regionId, parentId, description }));
    },
  },
  get_region: {
    ...{ method: 'GET', path: '/v3/regions/:region_id' },
    run: (call) => ok({ region: regionDocument(call, regionOf(call)) }),
  },
  update_region: {
    ...{ method: 'PATCH', path: '/v3/regions/:region_id' },
    async run(call) {
      const before = regionOf(call);
      const fields = await bodyOf(call, 'region');
      const parentId = fields.optionalText('parent_region_id') ?? before.parentId;
      const description = fields.optionalText('description') ?? before.description;
      return ok(await setRegion(call, { regionId: before.regionId, parentId, description }));
    },
  },
  delete_region: {
    ...{ method: 'DELETE', path: '/v3/regions/:region_id' },
    async run(call) {
      const { regionId } = regionOf(call);
      refuseOwn(regionId === call.gateway.region);
      const command = { type: 'DeleteRegion', regionId } as const;
      accept(await call.gateway.identity.catalog.changeCatalog(actorOf(call), command));
      return NO_CONTENT;
    },
  },
  list_services: {
    ...{ method: 'GET', path: '/v3/services' },
    run(call) {
      const { services } = wholeCatalog(call);
      const asked = services.filter(
        ({ type, name }) => isAsked(call, 'type', type) && isAsked(call, 'name', name),
      );
      return listAnswer(
        call,
        'services',
        asked.map((service) => serviceDocument(call, service)),
      );
    },
  },
  create_service: {
    ...{ method: 'POST', path: '/v3/services' },
    async run(call) {
      const fields = await bodyOf(call, 'service');
      return created(await setService(call, serviceFrom(fields, newId(call.gateway.random))));
    },
  },
  get_service: {
    ...{ method: 'GET', path: '/v3/services/:service_id' },
    run: (call) => ok({ service: serviceDocument(call, serviceOf(call)) }),
  },
  update_service: {
    ...{ method: 'PATCH', path: '/v3/services/:service_id' },
    async run(call) {
      const before = serviceOf(call);
      refuseOwn(isOwnService(call, before.serviceId));
      return ok(await setService(call, serviceFrom(await bodyOf(call, 'service'), before.serviceId, before)));
    },
  },
  delete_service: {
    ...{ method: 'DELETE', path: '/v3/services/:service_id' },
    async run(call) {
      const { serviceId } = serviceOf(call);
      refuseOwn(isOwnService(call, serviceId));
      const command = { type: 'DeleteService', serviceId } as const;
      accept(await call.gateway.identity.catalog.changeCatalog(actorOf(call), command));
      return NO_CONTENT;
    },
  },
  list_endpoints: {
    ...{ method: 'GET', path: '/v3/endpoints' },
    run(call) {
      const asked = wholeCatalog(call).endpoints.filter(
        (endpoint) =>
          isAsked(call, 'interface', endpoint.interface) &&
          isAsked(call, 'service_id', endpoint.serviceId) &&
          isAsked(call, 'region_id', endpoint.regionId),
      );
      return listAnswer(
        call,
        'endpoints',
        asked.map((endpoint) => endpointDocument(call, endpoint)),
      );
    },
  },
  create_endpoint: {
    ...{ method: 'POST', path: '/v3/endpoints' },
    async run(call) {
      const fields = await bodyOf(call, 'endpoint');
      return created(await setEndpoint(call, endpointFrom(fields, newId(call.gateway.random))));
    },
  },
  get_endpoint: {
    ...{ method: 'GET', path: '/v3/endpoints/:endpoint_id' },
    run: (call) => ok({ endpoint: endpointDocument(call, endpointOf(call)) }),
  },
  update_endpoint: {
    ...{ method: 'PATCH', path: '/v3/endpoints/:endpoint_id' },
    async run(call) {
      const before = endpointOf(call);
      refuseOwn(isOwnEndpoint(call, before.endpointId));
      const fields = await bodyOf(call, 'endpoint');
      return ok(await setEndpoint(call, endpointFrom(fields, before.endpointId, before)));
    },
  },
  delete_endpoint: {
    ...{ method: 'DELETE', path: '/v3/endpoints/:endpoint_id' },
    async run(call) {
      const { endpointId } = endpointOf(call);
      refuseOwn(isOwnEndpoint(call, endpointId));
      const command = { type: 'DeleteEndpoint', endpointId } as const;
      accept(await call.gateway.identity.catalog.changeCatalog(actorOf(call), command));
      return NO_CONTENT;
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
