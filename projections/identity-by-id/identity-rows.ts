// Owns the keys and values of the rows of identity-by-id. Values are JSON: what identity keeps is small, and
// whoever asks at each request keeps it decoded.

import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { RowRange } from '../store/projection.ts';

export type ThingKind = 'domain' | 'project' | 'user' | 'group' | 'role';

export const rowKey = {
  thing: (kind: ThingKind, id: string) => `${kind}/${id}`,
  /** What an end leaves: its stream's revision. */
  gone: (kind: ThingKind | 'assignment' | 'trust', id: string) => `gone/${kind}/${id}`,
  /** @param scopeId the domain; empty for domains, and for roles of the whole cloud */
  name: (kind: ThingKind, scopeId: string, name: string) => `name/${kind}/${scopeId}/${name}`,
  /** @param id as in the stream's name */
  claim: (id: string) => `claim/${id}`,
  assignment: (id: string) => `assignment/${id}`,
  onTarget: (targetId: string, actorId: string) => `on-target/${targetId}:${actorId}`,
  member: (groupId: string, userId: string) => `member/${groupId}/${userId}`,
  /** @param parentId a project, or the domain of a project below none */
  child: (parentId: string, projectId: string) => `child/${parentId}/${projectId}`,
  ec2: (accessKeyId: string) => `ec2/${accessKeyId}`,
  application: (credentialId: string) => `application/${credentialId}`,
  credential: (credentialId: string) => `credential/${credentialId}`,
  trust: (trustId: string) => `trust/${trustId}`,
  /** @param userId trustor or trustee */
  trustOf: (userId: string, trustId: string) => `trust-of/${userId}/${trustId}`,
  catalog: 'catalog',
  quotas: 'quotas',
  federation: 'federation',
} as const;

export const assignmentId = (actorId: string, targetId: string): string => `${actorId}:${targetId}`;
export const claimId = (kind: ThingKind, scopeId: string, name: string): string =>
  `${kind}/${scopeId}/${name}`;

/** @param after of the rest of the key: only what lies above */
export function under(prefix: string, after = ''): RowRange {
  return { gte: after === '' ? prefix : keyAfter(prefix + after), lt: endOfPrefix(prefix) };
}

export const jsonRow = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

export function readJson<Value>(row: Uint8Array): Value {
  return JSON.parse(Buffer.from(row).toString());
}
