// Owns the specification of a trust's life: it is used as often as was said, and ends for good.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { trustDecider } from './trusts.decider.ts';
import type { TrustEvent } from './trusts.events.ts';

const trust = {
  ...{ trustorId: 'a', trusteeId: 'b', projectId: 'p', roleIds: ['r'], impersonation: true },
  ...{ redelegations: 0, parentId: '' },
};
const created: TrustEvent = { type: 'TrustCreated', data: trust };
const twice: TrustEvent = { type: 'TrustCreated', data: { ...trust, uses: 2 } };
const used: TrustEvent = { type: 'TrustUsed', data: {} };
const deleted: TrustEvent = { type: 'TrustDeleted', data: {} };

test('a trust is used as often as was said', (t) => {
  const { given } = deciderSpec(t, trustDecider);
  given(created).when({ type: 'UseTrust' }).then([]);
  given(twice).when({ type: 'UseTrust' }).then([used]);
  given(twice, used).when({ type: 'UseTrust' }).then([used]);
  given(twice, used, used).when({ type: 'UseTrust' }).then({ rejected: 'trust-used-up' });
});

test('a trust ends for good', (t) => {
  const { given } = deciderSpec(t, trustDecider);
  given()
    .when({ type: 'CreateTrust', ...trust })
    .then([created]);
  given(created).when({ type: 'DeleteTrust' }).then([deleted]);
  for (const type of ['UseTrust', 'DeleteTrust'] as const) {
    given(created, deleted).when({ type }).then({ rejected: 'no-such-trust' });
    given().when({ type }).then({ rejected: 'no-such-trust' });
  }
  given(created, deleted)
    .when({ type: 'CreateTrust', ...trust })
    .then({ rejected: 'trust-exists' });
});
