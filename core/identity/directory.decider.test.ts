// Owns the specification of the lives of domains, projects, groups, and of who holds a name.

import test from 'ava';
import fastCheck from 'fast-check';
import { partitionKeyOf } from '#core/log/event-log.ts';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { domainDecider, groupDecider, nameDecider, projectDecider } from './directory.decider.ts';
import {
  type DomainEvent,
  type GroupEvent,
  identityIdOf,
  identityStream,
  type NameEvent,
  type ProjectEvent,
} from './directory.events.ts';

const domain = { name: 'acme', description: '', enabled: true };
const domainCreated: DomainEvent = { type: 'DomainCreated', data: domain };
const domainDisabled: DomainEvent = { type: 'DomainUpdated', data: { enabled: false } };

test('a domain is deleted only after it was disabled', (t) => {
  const { given } = deciderSpec(t, domainDecider);
  given()
    .when({ type: 'CreateDomain', ...domain })
    .then([domainCreated]);
  given(domainCreated)
    .when({ type: 'CreateDomain', ...domain })
    .then({ rejected: 'domain-exists' });
  given(domainCreated).when({ type: 'DeleteDomain' }).then({ rejected: 'domain-enabled' });
  given(domainCreated, domainDisabled)
    .when({ type: 'DeleteDomain' })
    .then([{ type: 'DomainDeleted', data: {} }]);
  given(domainCreated).when({ type: 'UpdateDomain', enabled: false }).then([domainDisabled]);
  given().when({ type: 'UpdateDomain', enabled: false }).then({ rejected: 'no-such-domain' });
});

const project = {
  ...{ domainId: 'default', parentId: '', name: 'web', description: '', enabled: true },
  ...{ tags: [], extra: {} },
};
const projectCreated: ProjectEvent = { type: 'ProjectCreated', data: project };

test('a project has at most eighty tags, each once and in order', (t) => {
  const { given } = deciderSpec(t, projectDecider);
  given(projectCreated)
    .when({ type: 'TagProject', tags: ['b', 'a', 'b'] })
    .then([{ type: 'ProjectTagged', data: { tags: ['a', 'b'] } }]);
  const many = Array.from({ length: 81 }, (_, number) => `tag-${number}`);
  given(projectCreated).when({ type: 'TagProject', tags: many }).then({ rejected: 'too-many-tags' });
  given()
    .when({ type: 'CreateProject', ...project, tags: many })
    .then({ rejected: 'too-many-tags' });
});

test('a project is deleted only when nothing can be made below it any more', (t) => {
  const { given } = deciderSpec(t, projectDecider);
  given(projectCreated).when({ type: 'DeleteProject' }).then({ rejected: 'project-enabled' });
  given(projectCreated, { type: 'ProjectUpdated', data: { enabled: false } })
    .when({ type: 'DeleteProject' })
    .then([{ type: 'ProjectDeleted', data: {} }]);
});

test('a group is created once', (t) => {
  const { given } = deciderSpec(t, groupDecider);
  const group = { domainId: 'default', name: 'admins', description: '' };
  const created: GroupEvent = { type: 'GroupCreated', data: group };
  given(created)
    .when({ type: 'CreateGroup', ...group })
    .then({ rejected: 'group-exists' });
  given(created)
    .when({ type: 'DeleteGroup' })
    .then([{ type: 'GroupDeleted', data: {} }]);
  given(created, { type: 'GroupDeleted', data: {} })
    .when({ type: 'UpdateGroup', name: 'x' })
    .then({ rejected: 'no-such-group' });
});

test('a name is claimed by whoever claimed it last, and by the same one only once', (t) => {
  const { given } = deciderSpec(t, nameDecider);
  const claimed = (holderId: string): NameEvent => ({
    type: 'NameClaimed',
    data: { kind: 'user', holderId },
  });
  const claim = { type: 'ClaimName', kind: 'user', holderId: 'a' } as const;
  given()
    .when(claim)
    .then([claimed('a')]);
  given(claimed('a')).when(claim).then([]);
  given(claimed('a'), claimed('b'))
    .when(claim)
    .then([claimed('a')]);
});

test('all streams of identity share a partition, and tell their id again', (t) => {
  fastCheck.assert(
    fastCheck.property(fastCheck.string(), (id) => {
      t.is(partitionKeyOf(identityStream('users', id)), partitionKeyOf(identityStream('roles', 'x')));
      t.is(identityIdOf(identityStream('users', id)), id);
    }),
  );
});
