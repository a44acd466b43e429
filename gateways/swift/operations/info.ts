// Owns what the gateway tells of itself to everybody, and the way in of old clients, by name and password
// (https://docs.openstack.org/swift/latest/overview_auth.html, "TempAuth").

import { limits } from '#core/kernel/limits.ts';
import { areEnough } from '#services/identity/login-policy.ts';
import { roleAmong } from '#services/permissions.ts';
import { unauthorised } from '../authorise.ts';
import { header, type SwiftCall } from '../call.ts';
import { ACCOUNT_PREFIX, ROOT } from '../paths.ts';
import type { Rates, SizedRate } from '../rate-limits.ts';
import { answerHeaders, JSON_TYPE, replyEmpty, replyHead, replyText } from '../reply.ts';
import type { StoragePolicies } from '../storage-policies.ts';

export async function showInfo(call: SwiftCall): Promise<void> {
  const document = {
    swift: {
      version: '2.33.0',
      policies: policiesOf(call.gateway.policies),
      account_autocreate: true,
      allow_account_management: false,
      max_file_size: limits.s3PutBytes,
      max_account_name_length: limits.swiftContainerNameBytes,
      max_container_name_length: limits.swiftContainerNameBytes,
      max_object_name_length: limits.s3KeyBytes,
      max_meta_name_length: limits.swiftMetadataNameBytes,
      max_meta_value_length: limits.swiftMetadataValueBytes,
      max_meta_count: limits.swiftMetadataCount,
      max_meta_overall_size: limits.swiftMetadataBytes,
      max_header_size: limits.httpHeaderBytes,
      account_listing_limit: limits.swiftListed,
      container_listing_limit: limits.swiftListed,
      strict_cors_mode: true,
    },
    slo: {
      max_manifest_segments: limits.swiftManifestSegments,
      max_manifest_size: limits.swiftManifestBytes,
      min_segment_size: 1,
    },
    dlo: { max_segments: limits.joinedParts },
    bulk_upload: {
      max_containers_per_extraction: limits.swiftArchiveEntries,
      max_failed_extractions: limits.swiftArchiveFailures,
    },
    bulk_delete: { max_deletes_per_request: limits.swiftBulkDeletes, max_failed_deletes: 1_000 },
    tempurl: {
      methods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
      incoming_remove_headers: [],
      incoming_allow_headers: [],
      outgoing_remove_headers: ['x-object-meta-*'],
      outgoing_allow_headers: ['x-object-meta-public-*'],
      allowed_digests: ['sha1', 'sha256', 'sha512'],
      deprecated_digests: ['sha1'],
    },
    staticweb: {},
    symlink: { symloop_max: limits.links, static_links: true },
    formpost: { allowed_digests: ['sha1', 'sha256', 'sha512'], deprecated_digests: ['sha1'] },
    object_versioning: {},
    versioned_writes: { allowed_flags: ['x-versions-location', 'x-history-location'] },
    container_quotas: {},
    account_quotas: {},
    ...(call.gateway.rates && { ratelimit: ratesOf(call.gateway.rates) }),
  };
  const body = JSON.stringify(document);
  if (call.request.method !== 'HEAD') return replyText(call, 200, JSON_TYPE, body);
  const length = String(Buffer.byteLength(body));
  replyHead(call, 200, [...answerHeaders(call), 'Content-Type', JSON_TYPE, 'Content-Length', length]);
}

function policiesOf({ all }: StoragePolicies) {
  const shown = all.filter(({ isDeprecated }) => !isDeprecated);
  return shown.map(({ name, aliases, isDefault }) => ({
    ...{ name, aliases: [name, ...aliases].join(', ') },
    ...(isDefault && { default: true }),
  }));
}

function ratesOf({ limits: { accountPerSecond, maxSleepSeconds, containers, listings } }: Rates) {
  const sized = (rates: readonly SizedRate[]) => rates.map(({ objects, perSecond }) => [objects, perSecond]);
  return {
    account_ratelimit: accountPerSecond ?? 0,
    max_sleep_time_seconds: maxSleepSeconds,
    container_ratelimits: sized(containers),
    container_listing_ratelimits: sized(listings),
  };
}

const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

/**
 * `X-Auth-User: project:user`, both of the default domain; a user alone stands for the project of that name
 * too.
 */
export async function logIn(call: SwiftCall): Promise<void> {
  const { identity, tokens, clock } = call.gateway;
  const given = header(call, 'x-auth-user') ?? header(call, 'x-storage-user') ?? '';
  const password = header(call, 'x-auth-key') ?? header(call, 'x-storage-pass') ?? '';
  const colon = given.indexOf(':');
  const userName = colon < 0 ? given : given.slice(colon + 1);
  const projectName = colon < 0 ? given : given.slice(0, colon);
  await identity.barrier();
  const { view, logins } = identity;
  const user = view.get('user', view.idOf('user', 'default', userName) ?? '');
  const login = await logins.byPassword(user, password, clock.nowMs());
  // Who needs more than a password has no way in here.
  const isRight = user !== undefined && login === 'right' && areEnough(user, ['password']);
  const project = view.idOf('project', 'default', projectName);
  if (!user || !isRight || project === undefined) throw unauthorised('');
  const scope = { kind: 'project', id: project } as const;
  const issued = await tokens.issue({ user, methods: ['password'], scope });
  if (!issued || !roleAmong(issued.token.roles.map(({ name }) => name))) throw unauthorised(project);
  const { host } = call.request.headers;
  const at = host !== undefined && HOST.test(host) ? host : 'localhost';
  const seconds = Math.floor((issued.token.expiresMs - clock.nowMs()) / 1_000);
  const headers = answerHeaders(call);
  headers.push('X-Storage-Url', `http://${at}${ROOT}/v1/${ACCOUNT_PREFIX}${project}`);
  headers.push('X-Auth-Token', issued.id, 'X-Storage-Token', issued.id);
  headers.push('X-Auth-Token-Expires', String(seconds));
  replyEmpty(call, 200, headers);
}
