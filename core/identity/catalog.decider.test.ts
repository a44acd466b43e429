// Owns the specification of the catalog and of the limits of projects.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { catalogDecider, quotaDecider } from './catalog.decider.ts';
import type { CatalogEvent, QuotaEvent } from './catalog.events.ts';

const region = { regionId: 'north', parentId: '', description: '' };
const service = { serviceId: 's', type: 'dns', name: 'names', description: '', enabled: true };
const endpoint = {
  ...{ endpointId: 'e', serviceId: 's', regionId: 'north', interface: 'public' },
  ...{ url: 'http://dns.example', enabled: true },
};
const regionSet: CatalogEvent = { type: 'RegionSet', data: region };
const serviceSet: CatalogEvent = { type: 'ServiceSet', data: service };
const endpointSet: CatalogEvent = { type: 'EndpointSet', data: endpoint };
const isOwn = { service: false, region: false };

test('an endpoint needs its service and its region', (t) => {
  const { given } = deciderSpec(t, catalogDecider);
  given(regionSet).when({ type: 'SetEndpoint', endpoint, isOwn }).then({ rejected: 'no-such-service' });
  given(serviceSet).when({ type: 'SetEndpoint', endpoint, isOwn }).then({ rejected: 'no-such-region' });
  given(regionSet, serviceSet).when({ type: 'SetEndpoint', endpoint, isOwn }).then([endpointSet]);
  given()
    .when({ type: 'SetEndpoint', endpoint, isOwn: { service: true, region: true } })
    .then([endpointSet]);
});

test('a region in use stays, and a service takes its endpoints along', (t) => {
  const { given } = deciderSpec(t, catalogDecider);
  given(regionSet, serviceSet, endpointSet)
    .when({ type: 'DeleteRegion', regionId: 'north' })
    .then({ rejected: 'region-in-use' });
  given(regionSet)
    .when({ type: 'DeleteRegion', regionId: 'north' })
    .then([{ type: 'RegionDeleted', data: { regionId: 'north' } }]);
  given(regionSet, serviceSet, endpointSet)
    .when({ type: 'DeleteService', serviceId: 's' })
    .then([
      { type: 'EndpointDeleted', data: { endpointId: 'e' } },
      { type: 'ServiceDeleted', data: { serviceId: 's' } },
    ]);
  given(regionSet, { type: 'RegionSet', data: { ...region, regionId: 'far', parentId: 'north' } })
    .when({ type: 'DeleteRegion', regionId: 'north' })
    .then({ rejected: 'region-in-use' });
});

const registered = {
  limitId: 'r',
  serviceId: 's',
  regionId: '',
  resource: 'volumes',
  limit: 5,
  description: '',
};
const own = { ...registered, limitId: 'l', projectId: 'p' };
const registeredSet: QuotaEvent = { type: 'RegisteredLimitSet', data: registered };
const ownSet: QuotaEvent = { type: 'LimitSet', data: own };

test('a project has a limit only of what is registered, and once', (t) => {
  const { given } = deciderSpec(t, quotaDecider);
  given().when({ type: 'SetLimit', limit: own }).then({ rejected: 'no-such-limit' });
  given(registeredSet).when({ type: 'SetLimit', limit: own }).then([ownSet]);
  given(registeredSet, ownSet)
    .when({ type: 'SetLimit', limit: { ...own, limitId: 'm' } })
    .then({ rejected: 'limit-exists' });
  given(registeredSet, ownSet)
    .when({ type: 'DeleteRegisteredLimit', limitId: 'r' })
    .then({ rejected: 'limit-in-use' });
  given(registeredSet)
    .when({ type: 'SetRegisteredLimit', limit: { ...registered, limitId: 'x' } })
    .then({ rejected: 'limit-exists' });
});
