// Owns the identity gateway: Keystone's API v3 (https://docs.openstack.org/api-ref/identity/v3/) under
// `/identity`, as a request handler. Who may call what stands in policy.ts.
//
// Gaps, each answered with 501 where it has a path of its own: federation by SAML, by a browser (websso) and
// to other clouds (service providers), users of the type `local` and projects in mappings, opaque access
// tokens; OAuth; other methods of login than password, one-time password, token, application credential,
// trust and OpenID Connect; making EC2 credentials by /v3/credentials (they have
// /v3/users/ID/credentials/OS-EC2), /v3/policies, endpoint groups and filters, configuration of domains by
// the API (a file of the operator's has it), options of resources other than users (immutable), domains as
// projects (`is_domain`), properties that are not text, hierarchical limits, pages of lists whose entries
// have no id (role assignments, EC2 credentials: cut at 10,000). Users of a directory elsewhere have no
// options and no lock-out here; lists without a domain show those of them alone who were met. Groups that a
// mapping or a directory gave stay until the next login. Access by keys of S3 needs a role that may write:
// readers have none.

import type { FailureHandler, RequestHandler } from '#gateways/edge/http-server.ts';
import type { GatewayContext, GatewayLogger } from './call.ts';
import { type DispatchContext, dispatch, failureOf, replyFailure } from './dispatch.ts';
import { createRouter } from './router.ts';

export interface IdentityGatewayOptions extends Omit<GatewayContext, 'logger'> {
  readonly logger?: GatewayLogger;
}

export interface IdentityGateway {
  readonly handler: RequestHandler;
  /** The answer to a request whose handler failed without one. */
  readonly failed: FailureHandler;
}

const SILENT: GatewayLogger = { error: () => undefined };

export function createIdentityGateway({
  logger = SILENT,
  ...options
}: IdentityGatewayOptions): IdentityGateway {
  const gateway: DispatchContext = { ...options, logger, router: createRouter() };
  return {
    handler: (request, response, requestId) => dispatch(gateway, request, response, requestId),
    failed: (request, response, requestId, error) =>
      replyFailure(request, response, requestId, failureOf(error)),
  };
}
