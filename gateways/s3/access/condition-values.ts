// Owns what a request has under the condition keys of policies (Amazon S3 User Guide, "Policy keys in Amazon
// S3"; IAM User Guide, "AWS global condition context keys"). Nothing is computed before a policy asks for it.

import type { Tags } from '#core/objects/objects.events.ts';
import type { ValueLookup } from '#core/policy/conditions.ts';
import type { Principal } from '#core/policy/principals.ts';
import { timestampMs } from '../auth/signature-v4.ts';
import { header, type S3Call } from '../call.ts';
import { headerTagsOf } from '../tags.ts';

/** Of what, by whom. */
export interface Asked {
  readonly call: S3Call;
  readonly principal: Principal;
  readonly bucketOwner: string;
  /** Of the object as it is; undefined where none was looked at. */
  readonly existingTags: Tags | undefined;
}

type Read = (asked: Asked) => string | undefined;

const fromQuery =
  (name: string): Read =>
  ({ call }) =>
    call.query.get(name);

const fromHeader =
  (name: string): Read =>
  ({ call }) =>
    header(call, name);

const nowMs = ({ call }: Asked): number => call.gateway.clock.nowMs();
const isAnonymous = ({ call }: Asked): boolean => call.auth.identity === 'anonymous';

function userOf({ call }: Asked) {
  const { identity } = call.auth;
  return identity === 'anonymous' ? undefined : identity.user;
}

const typeOf: Read = (asked) => {
  if (isAnonymous(asked)) return 'Anonymous';
  return userOf(asked) ? 'User' : 'Account';
};

function isSecure({ call }: Asked): boolean {
  return 'encrypted' in call.request.socket && call.request.socket.encrypted === true;
}

/** `1.3` of `TLSv1.3`. */
function tlsVersion(asked: Asked): string | undefined {
  const { socket } = asked.call.request;
  if (!isSecure(asked) || !('getProtocol' in socket)) return undefined;
  const protocol = (socket.getProtocol as () => string | null).call(socket);
  return protocol?.replace(/^TLSv/, '');
}

function signedMs({ call }: Asked): number | undefined {
  const { signing } = call.auth;
  return signing && timestampMs(signing.timestamp);
}

const HEADER_KEYS = [
  ...['x-amz-acl', 'x-amz-grant-read', 'x-amz-grant-write', 'x-amz-grant-read-acp', 'x-amz-grant-write-acp'],
  ...['x-amz-grant-full-control', 'x-amz-content-sha256', 'x-amz-metadata-directive', 'x-amz-storage-class'],
  ...['x-amz-object-ownership', 'x-amz-server-side-encryption', 'x-amz-website-redirect-location'],
  ...['x-amz-server-side-encryption-aws-kms-key-id', 'x-amz-server-side-encryption-customer-algorithm'],
];

const READERS: Readonly<Record<string, Read>> = {
  'aws:currenttime': (asked) => new Date(nowMs(asked)).toISOString(),
  'aws:epochtime': (asked) => String(Math.floor(nowMs(asked) / 1_000)),
  'aws:sourceip': ({ call }) => call.request.socket.remoteAddress,
  'aws:securetransport': (asked) => String(isSecure(asked)),
  'aws:referer': fromHeader('referer'),
  'aws:useragent': fromHeader('user-agent'),
  'aws:username': (asked) => userOf(asked)?.name,
  'aws:userid': (asked) => userOf(asked)?.id ?? asked.principal.accountId ?? 'anonymous',
  'aws:principalarn': ({ principal }) => (principal.accountId === undefined ? undefined : principal.arn),
  'aws:principalaccount': ({ principal }) => principal.accountId,
  'aws:principaltype': typeOf,
  'aws:resourceaccount': ({ bucketOwner }) => bucketOwner,
  's3:resourceaccount': ({ bucketOwner }) => bucketOwner,
  's3:prefix': fromQuery('prefix'),
  's3:delimiter': fromQuery('delimiter'),
  's3:max-keys': fromQuery('max-keys'),
  's3:versionid': fromQuery('versionId'),
  's3:tlsversion': tlsVersion,
  's3:signatureversion': (asked) => (isAnonymous(asked) ? undefined : 'AWS4-HMAC-SHA256'),
  's3:authtype': (asked) => {
    if (isAnonymous(asked)) return undefined;
    const { presigned, signing } = asked.call.auth;
    if (presigned) return 'REST-QUERY-STRING';
    return signing ? 'REST-HEADER' : 'POST';
  },
  /** Milliseconds. */
  's3:signatureage': (asked) => {
    const atMs = signedMs(asked);
    return atMs === undefined ? undefined : String(Math.max(0, nowMs(asked) - atMs));
  },
  's3:x-amz-copy-source': (asked) => header(asked.call, 'x-amz-copy-source')?.replace(/^\//, ''),
  's3:object-lock-mode': fromHeader('x-amz-object-lock-mode'),
  's3:object-lock-legal-hold': fromHeader('x-amz-object-lock-legal-hold'),
  's3:object-lock-retain-until-date': fromHeader('x-amz-object-lock-retain-until-date'),
  's3:if-match': fromHeader('if-match'),
  's3:if-none-match': fromHeader('if-none-match'),
  ...Object.fromEntries(HEADER_KEYS.map((name) => [`s3:${name}`, fromHeader(name)])),
};

export function valuesOf(asked: Asked): ValueLookup {
  return (key) => {
    const slash = key.indexOf('/');
    if (slash >= 0) return tagOf(asked, key.slice(0, slash), key.slice(slash + 1));
    if (key === 's3:requestobjecttagkeys') {
      const tags = headerTagsOf(asked.call.headers);
      return tags && Object.keys(tags.values);
    }
    const value = Object.hasOwn(READERS, key) ? READERS[key]?.(asked) : undefined;
    return value === undefined ? undefined : [value];
  };
}

function tagOf(asked: Asked, kind: string, name: string): readonly string[] | undefined {
  const tags = kind === 's3:requestobjecttag' ? headerTagsOf(asked.call.headers) : existing(asked, kind);
  const value = tags && Object.hasOwn(tags.values, name) ? tags.values[name] : undefined;
  return value === undefined ? undefined : [value];
}

const existing = ({ existingTags }: Asked, kind: string) =>
  kind === 's3:existingobjecttag' ? existingTags : undefined;
