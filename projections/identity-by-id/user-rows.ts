// Owns the rows of users: themselves, their groups, and their credentials by id.

import { createHash } from 'node:crypto';
import type { UserEvent } from '#core/identity/users.events.ts';
import { unreachable } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import type { RowWriter } from '../store/projection.ts';
import type {
  StoredApplicationCredential,
  StoredCredential,
  StoredEc2Credential,
  StoredUser,
} from './identity-by-id.query.ts';
import { jsonRow, rowKey } from './identity-rows.ts';
import { endedTokens, ThingRows } from './thing-rows.ts';

export function applyUser(event: UserEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const things = new ThingRows('user', recorded, rows);
  if (event.type === 'UserCreated') {
    const nothing = { groupIds: [], accessKeyIds: [], applicationCredentials: [], credentialIds: [] };
    const user = { ...event.data, ...things.born(), ...nothing, tokensFrom: recorded.revision };
    things.put(user, event.data.domainId);
    return;
  }
  const user = things.before();
  if (event.type === 'UserDeleted') {
    for (const groupId of user.groupIds) rows.delete(rowKey.member(groupId, user.id));
    for (const accessKeyId of user.accessKeyIds) {
      rows.delete(rowKey.ec2(accessKeyId));
      rows.delete(rowKey.credential(ec2CredentialId(accessKeyId)));
    }
    for (const { id } of user.applicationCredentials) rows.delete(rowKey.application(id));
    for (const id of user.credentialIds) rows.delete(rowKey.credential(id));
    things.remove(user.domainId);
    return;
  }
  credentialRow(user, event, recorded, rows);
  things.change(user.domainId, (before) => ({ ...before, ...changeOf(before, event, recorded) }));
}

type ChangeEvent = Exclude<UserEvent, { type: 'UserCreated' | 'UserDeleted' }>;

function changeOf(user: StoredUser, event: ChangeEvent, recorded: RecordedEvent): Partial<StoredUser> {
  switch (event.type) {
    case 'UserUpdated': {
      const { extra, ...data } = event.data;
      // Whoever is enabled, and be it again, begins anew.
      const anew = data.enabled ? { lockedOut: undefined, seenMs: recorded.timeMs } : {};
      return { ...data, ...(extra && { extra: extra.values }), ...endedTokens(data, recorded), ...anew };
    }
    case 'SubjectKeyMade':
      return { keyBlob: event.data.keyBlob };
    case 'PasswordSet':
      return { ...passwordOf(user, event.data, recorded), tokensFrom: recorded.revision };
    case 'UserOptionsSet':
      return { options: event.data };
    case 'UserLockedOut':
      return { lockedOut: event.data };
    case 'UserSeen':
      return { seenMs: recorded.timeMs };
    case 'CredentialSet': {
      const others = user.credentialIds.filter((id) => id !== event.data.credentialId);
      return { credentialIds: [...others, event.data.credentialId] };
    }
    case 'CredentialDeleted':
      return { credentialIds: user.credentialIds.filter((id) => id !== event.data.credentialId) };
    case 'TokensRevoked':
      return { tokensFrom: recorded.revision };
    case 'GroupJoined':
      return { groupIds: [...user.groupIds, event.data.groupId] };
    case 'GroupLeft':
      // What was had by the group is gone at once; tokens are judged by the roles of the moment.
      return { groupIds: user.groupIds.filter((id) => id !== event.data.groupId) };
    case 'Ec2CredentialCreated':
      return { accessKeyIds: [...user.accessKeyIds, event.data.accessKeyId] };
    case 'Ec2CredentialDeleted':
      return { accessKeyIds: user.accessKeyIds.filter((id) => id !== event.data.accessKeyId) };
    case 'ApplicationCredentialCreated': {
      const made = { id: event.data.credentialId, name: event.data.name };
      return { applicationCredentials: [...user.applicationCredentials, made] };
    }
    case 'ApplicationCredentialDeleted': {
      const kept = user.applicationCredentials.filter(({ id }) => id !== event.data.credentialId);
      return { applicationCredentials: kept };
    }
    default:
      return unreachable(event);
  }
}

function passwordOf(
  { sealedHash: former, formerHashes = [] }: StoredUser,
  { sealedHash, formerKept, ...rest }: Extract<UserEvent, { type: 'PasswordSet' }>['data'],
  { timeMs: setMs }: RecordedEvent,
): Partial<StoredUser> {
  const kept = [...(former === undefined ? [] : [former]), ...formerHashes].slice(0, formerKept);
  const password = { setMs, ...rest };
  return { sealedHash: base64(sealedHash), password, formerHashes: kept, lockedOut: undefined };
}

/** What is found by an id of its own. */
function credentialRow(user: StoredUser, event: ChangeEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const userId = user.id;
  const createdMs = recorded.timeMs;
  switch (event.type) {
    case 'GroupJoined':
      rows.put(rowKey.member(event.data.groupId, userId), jsonRow(true));
      break;
    case 'GroupLeft':
      rows.delete(rowKey.member(event.data.groupId, userId));
      break;
    case 'Ec2CredentialCreated': {
      const { accessKeyId, projectId, sealedSecret } = event.data;
      const credential = { accessKeyId, userId, projectId, sealedSecret: base64(sealedSecret), createdMs };
      rows.put(rowKey.ec2(accessKeyId), jsonRow(credential satisfies StoredEc2Credential));
      const id = ec2CredentialId(accessKeyId);
      const among = { id, userId, kind: 'ec2', projectId, sealedBlob: credential.sealedSecret, accessKeyId };
      rows.put(rowKey.credential(id), jsonRow(among satisfies StoredCredential));
      break;
    }
    case 'Ec2CredentialDeleted':
      rows.delete(rowKey.ec2(event.data.accessKeyId));
      rows.delete(rowKey.credential(ec2CredentialId(event.data.accessKeyId)));
      break;
    case 'ApplicationCredentialCreated': {
      const { credentialId: id, sealedHash, ...data } = event.data;
      const credential = { id, userId, ...data, sealedHash: base64(sealedHash), createdMs };
      rows.put(rowKey.application(id), jsonRow(credential satisfies StoredApplicationCredential));
      break;
    }
    case 'ApplicationCredentialDeleted':
      rows.delete(rowKey.application(event.data.credentialId));
      break;
    case 'CredentialSet': {
      const { credentialId: id, sealedBlob, ...data } = event.data;
      const credential = { id, userId, ...data, sealedBlob: base64(sealedBlob) };
      rows.put(rowKey.credential(id), jsonRow(credential satisfies StoredCredential));
      break;
    }
    case 'CredentialDeleted':
      rows.delete(rowKey.credential(event.data.credentialId));
      break;
    default:
      return;
  }
}

/** As Keystone has it, so that clients find one by its key. */
const ec2CredentialId = (accessKeyId: string): string =>
  createHash('sha256').update(accessKeyId).digest('hex');

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
