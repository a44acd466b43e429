// Owns the Swift gateway: OpenStack's Object Storage API v1
// (https://docs.openstack.org/api-ref/object-store/) under `/object-store/v1/AUTH_<project>`. Containers
// are buckets of the project: docs/decisions/0015-one-namespace.md. Who may call what stands in policy.ts.
//
// Gaps, each refused (501 unless another answer is named), never ignored: creation and deletion of accounts
// (405), container sync (of two writes the newest is to win, wherever it was made: an event of an object, and
// of its deletion, has no place yet for the time that it had elsewhere), bulk upload of tar.bz2 (what npm has
// to read it neither waits for who reads nor bounds what a block grows to).
//
// By design.
// - An account is there as long as its project is; nobody makes or deletes it.
// - A marker that lies below a common prefix hides it; Swift shows it once more.
// - Versions are S3's (docs/decisions/0018-versions.md): ids are no times; where the newest goes, the one
//   before it is there again; a PUT with version-id makes a new version of an old one; and a deletion where
//   versions are no longer kept is a version called null. A listing of them backwards takes no
//   version_marker (400).
// - A container with X-Versions-Location or X-History-Location keeps what Swift's clients replace; what S3's
//   replace is gone.
// - A listing backwards is read from its lower end: it costs what lies between the markers.
// - POST leaves an object what it is made of; Swift forgets X-Object-Manifest where the POST has none.
// - What S3 wrote in several parts is shown as a static large object: its etag is no digest of its bytes. It
//   has no segments to be listed.
// - A signed URL may be signed for its path with or without `/object-store`, and copies nothing.
// - A segment is no symlink: a manifest that names one is refused (400), and a prefix joins no bytes of it.
// - Storage policies are names: what is stored is replicated alike, whichever a container has.
// - Rates are kept after it was judged who calls, so that nobody uses up what is another's; by each gateway
//   for itself.
// - The segments of a large object are looked for in the containers of its own account.

import type { FailureHandler, RequestHandler } from '#gateways/edge/http-server.ts';
import type { GatewayContext, GatewayLogger } from './call.ts';
import { dispatch } from './dispatch.ts';
import { failureOf } from './errors.ts';
import { type RateLimits, Rates } from './rate-limits.ts';
import { replyFailure } from './reply.ts';
import { StoragePolicies, type StoragePolicy } from './storage-policies.ts';

export { isSwiftPath } from './dispatch.ts';

/** What the operator may say of it. */
export interface SwiftSettings {
  /** Of which one is the default; absent: there is one. */
  readonly policies?: readonly StoragePolicy[];
  /** Absent: everybody may ask as often as they like. */
  readonly rateLimits?: RateLimits;
}

export interface SwiftGatewayOptions extends Omit<GatewayContext, 'logger' | 'policies' | 'rates'> {
  readonly logger?: GatewayLogger;
  readonly settings?: SwiftSettings | undefined;
}

export interface SwiftGateway {
  readonly handler: RequestHandler;
  /** The answer to a request whose handler failed without one. */
  readonly failed: FailureHandler;
}

const SILENT: GatewayLogger = { error: () => undefined };

export function createSwiftGateway({
  logger = SILENT,
  settings = {},
  ...options
}: SwiftGatewayOptions): SwiftGateway {
  const policies = new StoragePolicies(settings.policies);
  const rates = settings.rateLimits && new Rates(settings.rateLimits);
  const gateway: GatewayContext = { ...options, logger, policies, rates };
  return {
    handler: (request, response, requestId) => dispatch(gateway, request, response, requestId),
    failed: (request, response, requestId, error) =>
      replyFailure({ response, transactionId: `tx${requestId}` }, failureOf(error), request.method ?? ''),
  };
}
