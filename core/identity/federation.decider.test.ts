// Owns the specification of identity providers elsewhere: what refers to what is there.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { federationDecider } from './federation.decider.ts';
import type { FederationEvent } from './federation.events.ts';

const provider = { providerId: 'p', domainId: 'd', description: '', enabled: true, remoteIds: ['https://p'] };
const mapping = { mappingId: 'm', rules: '[]' };
const protocol = { entryId: 'p/openid', mappingId: 'm' };
const provided: FederationEvent = { type: 'ProviderSet', data: provider };
const mapped: FederationEvent = { type: 'MappingSet', data: mapping };
const spoken: FederationEvent = { type: 'ProtocolSet', data: protocol };

test('what is new is not there yet, and what is changed is', (t) => {
  const { given } = deciderSpec(t, federationDecider);
  given().when({ type: 'SetProvider', provider, isNew: true }).then([provided]);
  given(provided)
    .when({ type: 'SetProvider', provider, isNew: true })
    .then({ rejected: 'federation-entry-exists' });
  given().when({ type: 'SetMapping', mapping, isNew: false }).then({ rejected: 'no-such-federation-entry' });
  given(mapped).when({ type: 'SetMapping', mapping, isNew: false }).then([mapped]);
  given().when({ type: 'DeleteProvider', providerId: 'p' }).then({ rejected: 'no-such-federation-entry' });
});

test('a protocol is of a provider, by a mapping, and both are there as long as it is', (t) => {
  const { given } = deciderSpec(t, federationDecider);
  const set = { type: 'SetProtocol', protocol, isNew: true } as const;
  given(mapped).when(set).then({ rejected: 'no-such-federation-entry' });
  given(provided).when(set).then({ rejected: 'no-such-mapping' });
  given(provided, mapped).when(set).then([spoken]);
  const deleteMapping = { type: 'DeleteMapping', mappingId: 'm' } as const;
  given(provided, mapped, spoken).when(deleteMapping).then({ rejected: 'mapping-in-use' });
  const gone: FederationEvent = { type: 'ProtocolDeleted', data: { entryId: 'p/openid' } };
  given(provided, mapped, spoken)
    .when({ type: 'DeleteProvider', providerId: 'p' })
    .then([gone, { type: 'ProviderDeleted', data: { providerId: 'p' } }]);
  given(provided, mapped, spoken, gone)
    .when(deleteMapping)
    .then([{ type: 'MappingDeleted', data: { mappingId: 'm' } }]);
});

test('no two providers are the same elsewhere', (t) => {
  const { given } = deciderSpec(t, federationDecider);
  given(provided)
    .when({ type: 'SetProvider', provider: { ...provider, providerId: 'q' }, isNew: true })
    .then({ rejected: 'remote-id-taken' });
});
