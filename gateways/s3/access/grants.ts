// Owns access control lists: who may do what beside the owner (Amazon S3 User Guide, "Access control list
// (ACL) overview"). They are kept as text: `<permission> <grantee>`, one after the other, by account and not
// by canonical id, which is shown alone.

import type { Permission } from './actions.ts';

export type GrantPermission = Permission | 'FULL_CONTROL';

export const GROUPS = {
  AllUsers: 'http://acs.amazonaws.com/groups/global/AllUsers',
  AuthenticatedUsers: 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  LogDelivery: 'http://acs.amazonaws.com/groups/s3/LogDelivery',
} as const;
export type Group = keyof typeof GROUPS;

export type Grantee = { readonly accountId: string } | { readonly group: Group };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: GrantPermission;
}

export type Grants = readonly Grant[];

export const ownersAlone = (accountId: string): Grants => [
  { grantee: { accountId }, permission: 'FULL_CONTROL' },
];

const PERMISSIONS: readonly string[] = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'];

export const isPermission = (text: string): text is GrantPermission => PERMISSIONS.includes(text);

/** Names of groups have an `@` before them, which no account's id has. */
export function textOfGrants(grants: Grants): string {
  return grants
    .map(({ grantee, permission }) => {
      return `${permission} ${'group' in grantee ? `@${grantee.group}` : grantee.accountId}`;
    })
    .join('\n');
}

export function grantsOf(text: string): Grants {
  if (text === '') return [];
  return text.split('\n').map((line) => {
    const space = line.indexOf(' ');
    const [permission, name] = [line.slice(0, space) as GrantPermission, line.slice(space + 1)];
    const grantee = name.startsWith('@') ? { group: name.slice(1) as Group } : { accountId: name };
    return { grantee, permission };
  });
}

/** For everybody, or for everybody who has an account. */
export function isForPublic({ grantee }: Grant): boolean {
  return 'group' in grantee && grantee.group !== 'LogDelivery';
}

/** @param accountId of who asks; undefined: nobody in particular */
export function lets(grants: Grants, accountId: string | undefined, wanted: Permission): boolean {
  return grants.some(({ grantee, permission }) => {
    if (permission !== 'FULL_CONTROL' && permission !== wanted) return false;
    if ('accountId' in grantee) return grantee.accountId === accountId;
    if (grantee.group === 'AllUsers') return true;
    return grantee.group === 'AuthenticatedUsers' && accountId !== undefined;
  });
}

export const CANNED = [
  ...(['private', 'public-read', 'public-read-write', 'authenticated-read', 'bucket-owner-read'] as const),
  ...(['bucket-owner-full-control', 'aws-exec-read', 'log-delivery-write'] as const),
] as const;
export type Canned = (typeof CANNED)[number];

/** @param bucketOwner of the bucket that the object is in; the owner itself for a bucket */
export function cannedGrants(canned: Canned, owner: string, bucketOwner: string): Grants {
  const to = (grantee: Grantee, ...permissions: GrantPermission[]) =>
    permissions.map((permission) => ({ grantee, permission }));
  const more: Readonly<Record<Canned, Grants>> = {
    private: [],
    'public-read': to({ group: 'AllUsers' }, 'READ'),
    'public-read-write': to({ group: 'AllUsers' }, 'READ', 'WRITE'),
    'authenticated-read': to({ group: 'AuthenticatedUsers' }, 'READ'),
    'bucket-owner-read': owner === bucketOwner ? [] : to({ accountId: bucketOwner }, 'READ'),
    'bucket-owner-full-control': owner === bucketOwner ? [] : to({ accountId: bucketOwner }, 'FULL_CONTROL'),
    // The machines that Amazon's service makes read with the rights of their owner here.
    'aws-exec-read': [],
    'log-delivery-write': to({ group: 'LogDelivery' }, 'WRITE', 'READ_ACP'),
  };
  return [...ownersAlone(owner), ...more[canned]];
}
