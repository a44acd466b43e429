// Owns who may do what: one row for each operation. A row is a list of ways; one of them must be open to the
// caller. No operation runs without its row (operations.ts does not compile otherwise), and policy.test.ts
// calls each as one who may not.

import type { Token } from '#services/identity/tokens.service.ts';

/** Each implies the next. */
type Persona = 'admin' | 'manager' | 'member' | 'reader';

export interface Need {
  /** Nobody need log in. */
  readonly public?: true;
  /** Whoever has a token in force. */
  readonly anyToken?: true;
  /** This role on the system. Who administers the cloud has them all. */
  readonly cloud?: Persona;
  /** This role on the domain of what is asked for. */
  readonly domain?: Persona;
  /** This role on the project that is asked for. */
  readonly project?: Persona;
  /** The user who is asked for. */
  readonly owner?: true;
  /** The role `service`, anywhere. */
  readonly service?: true;
  /** An application credential that is restricted may not, whoever its user is; nor may a trust. */
  readonly unrestricted?: true;
  /** A trust may not: what is shown or ended would be worth more than the trust. */
  readonly withoutTrust?: true;
}

/** What is asked for, as far as it is there. */
export interface Facts {
  readonly domainId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly userId?: string | undefined;
}

export function mayCall(need: Need, token: Token, facts: Facts): boolean {
  if (need.unrestricted && token.applicationCredential?.unrestricted === false) return false;
  if (token.trust && (need.unrestricted || need.withoutTrust)) return false;
  if (need.anyToken || need.public) return true;
  const { scope } = token;
  const has = (role: string | undefined) =>
    role !== undefined && token.roles.some(({ name }) => name === role);
  if (need.cloud && (token.isCloudAdmin || (scope?.kind === 'system' && has(need.cloud)))) return true;
  if (scope?.kind === 'domain' && scope.id === facts.domainId && has(need.domain)) return true;
  if (scope?.kind === 'project' && scope.id === facts.projectId && has(need.project)) return true;
  if (need.service && has('service')) return true;
  return need.owner === true && facts.userId === token.user.id;
}

const PUBLIC: Need = { public: true };
const ANY: Need = { anyToken: true };
const ADMIN: Need = { cloud: 'admin' };
const READER: Need = { cloud: 'reader' };
const DOMAIN_READER: Need = { cloud: 'reader', domain: 'reader' };
const DOMAIN_MANAGER: Need = { cloud: 'admin', domain: 'manager' };
const OWNER_READER: Need = { ...DOMAIN_READER, owner: true };
const PROJECT_READER: Need = { ...DOMAIN_READER, project: 'reader' };
/** Secrets of a user are the user's own affair. */
const OWNER: Need = { cloud: 'admin', owner: true };
const OWNER_WITHOUT_TRUST: Need = { ...OWNER, withoutTrust: true };
const OWNER_UNRESTRICTED: Need = { ...OWNER, unrestricted: true };
const SERVICE: Need = { cloud: 'admin', service: true };

export const POLICY = {
  list_versions: PUBLIC,
  show_version: PUBLIC,
  issue_token: PUBLIC,
  validate_token: { ...OWNER_READER, service: true },
  check_token: { ...OWNER_READER, service: true },
  revoke_token: OWNER,
  get_auth_projects: ANY,
  get_auth_domains: ANY,
  get_auth_system: ANY,
  get_auth_catalog: ANY,
  ec2_validate: SERVICE,
  s3_validate: SERVICE,

  list_domains: READER,
  create_domain: ADMIN,
  get_domain: DOMAIN_READER,
  update_domain: ADMIN,
  delete_domain: ADMIN,

  list_projects: DOMAIN_READER,
  create_project: DOMAIN_MANAGER,
  get_project: PROJECT_READER,
  update_project: DOMAIN_MANAGER,
  delete_project: DOMAIN_MANAGER,
  list_project_tags: PROJECT_READER,
  update_project_tags: DOMAIN_MANAGER,
  delete_project_tags: DOMAIN_MANAGER,
  get_project_tag: PROJECT_READER,
  create_project_tag: DOMAIN_MANAGER,
  delete_project_tag: DOMAIN_MANAGER,

  list_users: DOMAIN_READER,
  create_user: DOMAIN_MANAGER,
  get_user: OWNER_READER,
  update_user: DOMAIN_MANAGER,
  delete_user: DOMAIN_MANAGER,
  /** By the password that the user has. */
  change_password: PUBLIC,
  list_user_groups: OWNER_READER,
  list_user_projects: OWNER_READER,

  list_groups: DOMAIN_READER,
  create_group: DOMAIN_MANAGER,
  get_group: DOMAIN_READER,
  update_group: DOMAIN_MANAGER,
  delete_group: DOMAIN_MANAGER,
  list_users_in_group: DOMAIN_READER,
  add_user_to_group: DOMAIN_MANAGER,
  check_user_in_group: OWNER_READER,
  get_user_in_group: OWNER_READER,
  remove_user_from_group: DOMAIN_MANAGER,

  list_roles: { cloud: 'reader', domain: 'manager' },
  create_role: ADMIN,
  get_role: { cloud: 'reader', domain: 'manager' },
  update_role: ADMIN,
  delete_role: ADMIN,
  list_implied_roles: READER,
  create_implied_role: ADMIN,
  get_implied_role: READER,
  check_implied_role: READER,
  delete_implied_role: ADMIN,
  list_role_inferences: READER,

  list_role_assignments: PROJECT_READER,
  list_grants: DOMAIN_READER,
  create_grant: DOMAIN_MANAGER,
  check_grant: DOMAIN_READER,
  get_grant: DOMAIN_READER,
  revoke_grant: DOMAIN_MANAGER,
  list_inherited_grants: DOMAIN_READER,
  create_inherited_grant: DOMAIN_MANAGER,
  check_inherited_grant: DOMAIN_READER,
  get_inherited_grant: DOMAIN_READER,
  revoke_inherited_grant: DOMAIN_MANAGER,
  list_system_grants: READER,
  create_system_grant: ADMIN,
  check_system_grant: READER,
  get_system_grant: READER,
  revoke_system_grant: ADMIN,

  ec2_list_credentials: OWNER_WITHOUT_TRUST,
  ec2_create_credential: OWNER_UNRESTRICTED,
  ec2_get_credential: OWNER_WITHOUT_TRUST,
  ec2_delete_credential: OWNER_UNRESTRICTED,
  list_application_credentials: { cloud: 'reader', owner: true },
  create_application_credential: { owner: true, unrestricted: true },
  get_application_credential: { cloud: 'reader', owner: true },
  delete_application_credential: OWNER_UNRESTRICTED,
  list_access_rules: { cloud: 'reader', owner: true },
  get_access_rule: { cloud: 'reader', owner: true },
  delete_access_rule: OWNER_UNRESTRICTED,

  list_credentials: { cloud: 'reader', owner: true, withoutTrust: true },
  /** Of whose user it is, or the administrator. */
  create_credential: { anyToken: true, unrestricted: true },
  get_credential: { cloud: 'reader', owner: true, withoutTrust: true },
  update_credential: OWNER_UNRESTRICTED,
  delete_credential: OWNER_UNRESTRICTED,

  list_trusts: { cloud: 'reader', owner: true },
  /** In the caller's own name. */
  create_trust: ANY,
  get_trust: { cloud: 'reader', owner: true },
  check_trust: { cloud: 'reader', owner: true },
  delete_trust: OWNER_WITHOUT_TRUST,
  list_roles_for_trust: { cloud: 'reader', owner: true },
  get_role_for_trust: { cloud: 'reader', owner: true },
  check_role_for_trust: { cloud: 'reader', owner: true },

  list_identity_providers: READER,
  create_identity_provider: ADMIN,
  get_identity_provider: READER,
  update_identity_provider: ADMIN,
  delete_identity_provider: ADMIN,
  list_protocols: READER,
  create_protocol: ADMIN,
  get_protocol: READER,
  update_protocol: ADMIN,
  delete_protocol: ADMIN,
  list_mappings: READER,
  create_mapping: ADMIN,
  get_mapping: READER,
  update_mapping: ADMIN,
  delete_mapping: ADMIN,
  /** By the word of a provider elsewhere. */
  authenticate_federated: PUBLIC,
  authenticate_federated_by_get: PUBLIC,

  list_regions: ANY,
  create_region: ADMIN,
  get_region: ANY,
  update_region: ADMIN,
  delete_region: ADMIN,
  list_services: READER,
  create_service: ADMIN,
  get_service: READER,
  update_service: ADMIN,
  delete_service: ADMIN,
  list_endpoints: READER,
  create_endpoint: ADMIN,
  get_endpoint: READER,
  update_endpoint: ADMIN,
  delete_endpoint: ADMIN,

  list_registered_limits: ANY,
  create_registered_limits: ADMIN,
  get_registered_limit: ANY,
  update_registered_limit: ADMIN,
  delete_registered_limit: ADMIN,
  list_limits: ANY,
  create_limits: ADMIN,
  get_limit: PROJECT_READER,
  update_limit: ADMIN,
  delete_limit: ADMIN,
  get_limit_model: ANY,
} as const satisfies Readonly<Record<string, Need>>;

export type OperationName = keyof typeof POLICY;
