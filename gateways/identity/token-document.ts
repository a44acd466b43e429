// Owns the document of a token, as Keystone shows it to whoever logged in and to whoever asks about it.

import type { Token } from '#services/identity/tokens.service.ts';
import type { IdentityCall } from './call.ts';
import { accessRuleDocument, passwordExpiresAt, timeText } from './documents.ts';
import { catalogDocument } from './own-services.ts';

export function tokenDocument(call: IdentityCall, token: Token): object {
  const { user, userDomain, project, domain, scope, applicationCredential: credential, trust } = token;
  const withCatalog = scope !== undefined && !call.query.has('nocatalog');
  return {
    token: {
      methods: token.methods,
      user: {
        ...{ id: user.id, name: user.name, domain: { id: userDomain.id, name: userDomain.name } },
        password_expires_at: passwordExpiresAt(call, user),
        ...(user.federated && {
          'OS-FEDERATION': {
            identity_provider: { id: user.federated.providerId },
            protocol: { id: user.federated.protocolId },
            groups: user.groupIds.map((id) => ({ id })),
          },
        }),
      },
      audit_ids: token.auditIds,
      issued_at: timeText(token.issuedMs),
      expires_at: timeText(token.expiresMs),
      ...(project &&
        domain && {
          project: { id: project.id, name: project.name, domain: { id: domain.id, name: domain.name } },
          is_domain: false,
          is_admin_project: token.isCloudAdmin,
        }),
      ...(scope?.kind === 'domain' && domain && { domain: { id: domain.id, name: domain.name } }),
      ...(scope?.kind === 'system' && { system: { all: true } }),
      ...(scope && { roles: token.roles.map(({ id, name }) => ({ id, name })) }),
      ...(credential && {
        application_credential: {
          ...{ id: credential.id, name: credential.name, restricted: !credential.unrestricted },
          ...(credential.accessRules.length > 0 && {
            access_rules: credential.accessRules.map(accessRuleDocument),
          }),
        },
      }),
      ...(trust && {
        'OS-TRUST:trust': {
          ...{ id: trust.id, impersonation: trust.impersonation },
          ...{ trustor_user: { id: trust.trustorId }, trustee_user: { id: trust.trusteeId } },
        },
      }),
      ...(withCatalog && { catalog: catalogDocument(call, project?.id) }),
    },
  };
}
