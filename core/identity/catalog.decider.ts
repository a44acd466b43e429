// Owns the decisions about the catalog and the limits of projects: what refers to what must be there.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { CatalogEvent, QuotaEvent } from './catalog.events.ts';

type DataOf<Event extends { type: string; data: unknown }, Type extends Event['type']> = Extract<
  Event,
  { type: Type }
>['data'];

export type Region = DataOf<CatalogEvent, 'RegionSet'>;
export type Service = DataOf<CatalogEvent, 'ServiceSet'>;
export type Endpoint = DataOf<CatalogEvent, 'EndpointSet'>;

export interface CatalogState {
  readonly status: 'open';
  readonly regions: readonly Region[];
  readonly services: readonly Service[];
  readonly endpoints: readonly Endpoint[];
}

export type CatalogCommand =
  | { readonly type: 'SetRegion'; readonly region: Region }
  | { readonly type: 'DeleteRegion'; readonly regionId: string }
  | { readonly type: 'SetService'; readonly service: Service }
  | { readonly type: 'DeleteService'; readonly serviceId: string }
  /** `isOwn`: of the service or the region, that the cloud itself provides it. */
  | { readonly type: 'SetEndpoint'; readonly endpoint: Endpoint; readonly isOwn: OwnParts }
  | { readonly type: 'DeleteEndpoint'; readonly endpointId: string };

interface OwnParts {
  readonly service: boolean;
  readonly region: boolean;
}

export type CatalogDecisionCode =
  | 'no-such-region'
  | 'no-such-service'
  | 'no-such-endpoint'
  | 'region-in-use'
  | 'too-many-entries';

const EMPTY: CatalogState = { status: 'open', regions: [], services: [], endpoints: [] };

export const catalogDecider: Decider<CatalogState, CatalogCommand, CatalogEvent, CatalogDecisionCode> = {
  family: 'catalog',
  initial: EMPTY,

  decide(state, command) {
    const { regions, services, endpoints } = state;
    const isFull = regions.length + services.length + endpoints.length >= limits.catalogEntries;
    const hasRegion = (id: string) => regions.some(({ regionId }) => regionId === id);
    const hasService = (id: string) => services.some(({ serviceId }) => serviceId === id);
    const hasEndpoint = (id: string) => endpoints.some(({ endpointId }) => endpointId === id);
    switch (command.type) {
      case 'SetRegion':
        if (isFull && !hasRegion(command.region.regionId)) return { rejected: 'too-many-entries' };
        return [{ type: 'RegionSet', data: command.region }];
      case 'DeleteRegion': {
        const { regionId } = command;
        if (!hasRegion(regionId)) return { rejected: 'no-such-region' };
        const uses = (entry: { regionId?: string; parentId?: string }) =>
          entry.parentId === regionId || (entry.regionId === regionId && 'endpointId' in entry);
        if (regions.some(uses) || endpoints.some(uses)) return { rejected: 'region-in-use' };
        return [{ type: 'RegionDeleted', data: { regionId } }];
      }
      case 'SetService':
        if (isFull && !hasService(command.service.serviceId)) return { rejected: 'too-many-entries' };
        return [{ type: 'ServiceSet', data: command.service }];
      case 'DeleteService': {
        const { serviceId } = command;
        if (!hasService(serviceId)) return { rejected: 'no-such-service' };
        const gone = endpoints.filter((endpoint) => endpoint.serviceId === serviceId);
        return [
          ...gone.map(({ endpointId }) => ({ type: 'EndpointDeleted', data: { endpointId } }) as const),
          { type: 'ServiceDeleted', data: { serviceId } },
        ];
      }
      case 'SetEndpoint': {
        const { endpoint, isOwn } = command;
        if (!isOwn.service && !hasService(endpoint.serviceId)) return { rejected: 'no-such-service' };
        if (!isOwn.region && endpoint.regionId !== '' && !hasRegion(endpoint.regionId))
          return { rejected: 'no-such-region' };
        if (isFull && !hasEndpoint(endpoint.endpointId)) return { rejected: 'too-many-entries' };
        return [{ type: 'EndpointSet', data: endpoint }];
      }
      case 'DeleteEndpoint':
        if (!hasEndpoint(command.endpointId)) return { rejected: 'no-such-endpoint' };
        return [{ type: 'EndpointDeleted', data: { endpointId: command.endpointId } }];
      default:
        return unreachable(command);
    }
  },

  evolve: evolveCatalog,
};

/** Also the fold of the read model: the catalog is small, and its row is the state. */
function evolveCatalog(state: CatalogState, event: CatalogEvent): CatalogState {
  const { regions, services, endpoints } = state;
  switch (event.type) {
    case 'RegionSet':
      return { ...state, regions: replaced(regions, 'regionId', event.data) };
    case 'RegionDeleted':
      return { ...state, regions: without(regions, 'regionId', event.data.regionId) };
    case 'ServiceSet':
      return { ...state, services: replaced(services, 'serviceId', event.data) };
    case 'ServiceDeleted':
      return { ...state, services: without(services, 'serviceId', event.data.serviceId) };
    case 'EndpointSet':
      return { ...state, endpoints: replaced(endpoints, 'endpointId', event.data) };
    case 'EndpointDeleted':
      return { ...state, endpoints: without(endpoints, 'endpointId', event.data.endpointId) };
    default:
      return unreachable(event);
  }
}

function without<Entry, Key extends keyof Entry>(
  entries: readonly Entry[],
  key: Key,
  id: Entry[Key],
): readonly Entry[] {
  return entries.filter((entry) => entry[key] !== id);
}

function replaced<Entry, Key extends keyof Entry>(
  entries: readonly Entry[],
  key: Key,
  entry: Entry,
): readonly Entry[] {
  const isThere = entries.some((other) => other[key] === entry[key]);
  return isThere ? entries.map((other) => (other[key] === entry[key] ? entry : other)) : [...entries, entry];
}

export type RegisteredLimit = DataOf<QuotaEvent, 'RegisteredLimitSet'>;
export type ProjectLimit = DataOf<QuotaEvent, 'LimitSet'>;

export interface QuotaState {
  readonly status: 'open';
  readonly registered: readonly RegisteredLimit[];
  readonly limits: readonly ProjectLimit[];
}

export type QuotaCommand =
  | { readonly type: 'SetRegisteredLimit'; readonly limit: RegisteredLimit }
  | { readonly type: 'DeleteRegisteredLimit'; readonly limitId: string }
  | { readonly type: 'SetLimit'; readonly limit: ProjectLimit }
  | { readonly type: 'DeleteLimit'; readonly limitId: string };

export type QuotaDecisionCode = 'no-such-limit' | 'limit-exists' | 'limit-in-use' | 'too-many-entries';

interface Resource {
  readonly serviceId: string;
  readonly regionId: string;
  readonly resource: string;
}

const isSameResource = (a: Resource, b: Resource): boolean =>
  a.serviceId === b.serviceId && a.regionId === b.regionId && a.resource === b.resource;

export const quotaDecider: Decider<QuotaState, QuotaCommand, QuotaEvent, QuotaDecisionCode> = {
  family: 'quotas',
  initial: { status: 'open', registered: [], limits: [] },

  decide(state, command) {
    const isFull = state.registered.length + state.limits.length >= limits.quotaEntries;
    switch (command.type) {
      case 'SetRegisteredLimit': {
        const { limit } = command;
        const others = without(state.registered, 'limitId', limit.limitId);
        if (others.some((other) => isSameResource(other, limit))) return { rejected: 'limit-exists' };
        if (isFull && others.length === state.registered.length) return { rejected: 'too-many-entries' };
        return [{ type: 'RegisteredLimitSet', data: limit }];
      }
      case 'DeleteRegisteredLimit': {
        const found = state.registered.find(({ limitId }) => limitId === command.limitId);
        if (!found) return { rejected: 'no-such-limit' };
        if (state.limits.some((limit) => isSameResource(limit, found))) return { rejected: 'limit-in-use' };
        return [{ type: 'RegisteredLimitDeleted', data: { limitId: command.limitId } }];
      }
      case 'SetLimit': {
        const { limit } = command;
        const isRegistered = state.registered.some((registered) => isSameResource(registered, limit));
        if (!isRegistered) return { rejected: 'no-such-limit' };
        const others = without(state.limits, 'limitId', limit.limitId);
        const isOfSame = (other: ProjectLimit) =>
          other.projectId === limit.projectId && other.domainId === limit.domainId;
        if (others.some((other) => isOfSame(other) && isSameResource(other, limit)))
          return { rejected: 'limit-exists' };
        if (isFull && others.length === state.limits.length) return { rejected: 'too-many-entries' };
        return [{ type: 'LimitSet', data: limit }];
      }
      case 'DeleteLimit':
        if (!state.limits.some(({ limitId }) => limitId === command.limitId))
          return { rejected: 'no-such-limit' };
        return [{ type: 'LimitDeleted', data: { limitId: command.limitId } }];
      default:
        return unreachable(command);
    }
  },

  evolve(state, event) {
    const { registered, limits: own } = state;
    switch (event.type) {
      case 'RegisteredLimitSet':
        return { ...state, registered: replaced(registered, 'limitId', event.data) };
      case 'RegisteredLimitDeleted':
        return { ...state, registered: without(registered, 'limitId', event.data.limitId) };
      case 'LimitSet':
        return { ...state, limits: replaced(own, 'limitId', event.data) };
      case 'LimitDeleted':
        return { ...state, limits: without(own, 'limitId', event.data.limitId) };
      default:
        return unreachable(event);
    }
  },
};
