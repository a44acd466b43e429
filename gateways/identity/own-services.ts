// Owns the part of the catalog that the cloud itself serves. Its addresses follow from how the client reached
// us, so that they are right behind whatever stands between; nobody can change or delete them.

import { createHash } from 'node:crypto';
import type { StoredCatalog } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { IdentityCall } from './call.ts';

export interface OwnService {
  readonly type: string;
  readonly name: string;
  /** Of a server beside this one; absent for what this one serves. */
  readonly port?: number;
  /** `$(project_id)s` in it stands for the project that a token is for. */
  readonly path: string;
}

const INTERFACES = ['public', 'internal', 'admin'] as const;

const idOf = (...parts: readonly string[]): string =>
  createHash('sha256')
    .update(['catalog', ...parts].join('\n'))
    .digest('hex')
    .slice(0, 32);

/** Own and added entries together, without what is disabled only where `enabledOnly`. */
export function wholeCatalog(call: IdentityCall): StoredCatalog {
  const { services, region, identity } = call.gateway;
  const stored = identity.view.catalog();
  const own = services.map((service) => ({ service, serviceId: idOf(service.type) }));
  return {
    revision: stored.revision,
    regions: [{ regionId: region, parentId: '', description: '' }, ...stored.regions],
    services: [
      ...own.map(({ service, serviceId }) => ({
        ...{ serviceId, type: service.type, name: service.name, description: '', enabled: true },
      })),
      ...stored.services,
    ],
    endpoints: [
      ...own.flatMap(({ service, serviceId }) =>
        INTERFACES.map((name) => ({
          ...{ endpointId: idOf(service.type, name), serviceId, regionId: region, interface: name },
          ...{ url: urlOf(call, service), enabled: true },
        })),
      ),
      ...stored.endpoints,
    ],
  };
}

export function isOwnService(call: IdentityCall, serviceId: string): boolean {
  return call.gateway.services.some(({ type }) => idOf(type) === serviceId);
}

export function isOwnEndpoint(call: IdentityCall, endpointId: string): boolean {
  return call.gateway.services.some(({ type }) => INTERFACES.some((name) => idOf(type, name) === endpointId));
}

function urlOf(call: IdentityCall, { port, path }: OwnService): string {
  if (port === undefined) return new URL(path, call.base).toString();
  return `http://${call.hostName}:${port}${path}`;
}

const PROJECT = /[$%]\((project|tenant)_id\)s/g;

/**
 * As in a token: services with their endpoints.
 * @param projectId of the token; without one, what lies below a project is not shown
 */
export function catalogDocument(call: IdentityCall, projectId: string | undefined): readonly object[] {
  const { services, endpoints: all } = wholeCatalog(call);
  const endpoints = all.flatMap((endpoint) => {
    if (endpoint.url.search(PROJECT) < 0) return [endpoint];
    return projectId === undefined ? [] : [{ ...endpoint, url: endpoint.url.replace(PROJECT, projectId) }];
  });
  return services
    .filter(({ enabled }) => enabled)
    .map(({ serviceId, type, name }) => ({
      id: serviceId,
      type,
      name,
      endpoints: endpoints
        .filter((endpoint) => endpoint.enabled && endpoint.serviceId === serviceId)
        .map(({ endpointId: id, interface: of, regionId, url }) => ({
          ...{ id, interface: of, region: regionId || null, region_id: regionId || null, url },
        })),
    }));
}
