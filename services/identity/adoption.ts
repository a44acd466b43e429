// Owns what is there from the beginning (the default domain, the roles of the personas) and the place that
// accounts have in identity: an account is a user and a project of the same id in the default domain, and the
// user has a role there. Why is told in docs/decisions/0014-an-account-is-a-project-and-a-user.md. Each step
// may be done again, so whatever ended it halfway, the next attempt finishes it.

import { createHash } from 'node:crypto';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import type { Actor } from '#core/log/event-log.ts';
import { DEFAULT_DOMAIN, type DirectoryUseCases } from './directory.service.ts';
import type { DirectoryRejection } from './identity.ts';
import type { IdentityContext } from './identity-context.ts';
import type { SecretSource } from './passwords.ts';
import type { RoleUseCases } from './roles.service.ts';
import type { UserUseCases } from './users.service.ts';

/** Each implies the next. */
const PERSONAS = ['admin', 'manager', 'member', 'reader'] as const;

const BUILT_IN = [...PERSONAS, 'service'];

export interface AdoptedAccount {
  readonly id: string;
  readonly name: string;
  readonly email?: string | undefined;
  /** `admin` or `member`. */
  readonly role: string;
}

const ACTOR: Actor = { user: 'system', project: 'system', requestId: 'operator' };

/** The id of a role that every cloud has. */
export function builtInRoleId(name: string): string {
  return createHash('sha256').update(`role\n${name}`).digest('hex').slice(0, 32);
}

type Outcome = Promise<undefined | Rejection<DirectoryRejection>>;

export class Adoption {
  readonly #context: IdentityContext;
  readonly #directory: DirectoryUseCases;
  readonly #users: UserUseCases;
  readonly #roles: RoleUseCases;

  constructor(
    context: IdentityContext,
    directory: DirectoryUseCases,
    users: UserUseCases,
    roles: RoleUseCases,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#users = users;
    this.#roles = roles;
  }

  /** Whether the account's user and project are there and enabled: its keys open only then. */
  isEnabled(accountId: string): boolean {
    const { identity } = this.#context;
    const user = identity.get('user', accountId);
    const project = identity.get('project', accountId);
    return user?.enabled === true && project?.enabled === true;
  }

  /** Whether it is a role that every cloud has. */
  isBuiltIn(roleId: string): boolean {
    return BUILT_IN.some((name) => builtInRoleId(name) === roleId);
  }

  /** Whether there never was a user of the account: it is older than identity is. */
  isUnknown(accountId: string): boolean {
    return this.#context.identity.revision('user', accountId) === undefined;
  }

  /** Refused with `name-taken` where a user or a project that is no account has the name. */
  async adopt(account: AdoptedAccount): Outcome {
    await this.#begin();
    const { identity } = this.#context;
    const { id, name, email = '', role } = account;
    if (!identity.get('user', id)) {
      // What was granted to one of the same id long ago must not come back.
      await this.#roles.withdrawAll(ACTOR, { actorId: id });
      const user = { domainId: DEFAULT_DOMAIN, name, description: '', email, enabled: true, extra: {} };
      const made = await this.#users.createUser(ACTOR, { ...user, defaultProjectId: id }, undefined, id);
      if (isRejected(made) && made.rejected !== 'user-exists') return made;
    }
    if (!identity.get('project', id)) {
      await this.#roles.withdrawAll(ACTOR, { targetId: id });
      const project = { domainId: DEFAULT_DOMAIN, parentId: '', name, description: '', enabled: true };
      const made = await this.#directory.createProject(ACTOR, { ...project, tags: [], extra: {} }, id);
      if (isRejected(made) && made.rejected !== 'project-exists') return made;
    }
    const isAdmin = role === 'admin';
    const roleId = builtInRoleId(isAdmin ? 'admin' : 'member');
    const to = { kind: 'user', id } as const;
    const granted = await this.#roles.grant(ACTOR, to, { kind: 'project', id }, roleId, false);
    if (granted || !isAdmin) return granted;
    return this.#roles.grant(ACTOR, to, { kind: 'system' }, roleId, false);
  }

  /** Of an administrator whom somebody disabled or stripped: whoever starts the cloud may undo that. */
  async restore(account: AdoptedAccount): Outcome {
    const refused = await this.adopt(account);
    if (refused) return refused;
    const { identity } = this.#context;
    const changes = { enabled: true };
    if (!identity.get('user', account.id)?.enabled) await this.#users.updateUser(ACTOR, account.id, changes);
    if (!identity.get('project', account.id)?.enabled) {
      await this.#directory.updateProject(ACTOR, account.id, changes);
    }
    return undefined;
  }

  /** What an account's end leaves; who has gone already stays gone. */
  async abandon(accountId: string): Promise<void> {
    await this.#users.deleteUser(ACTOR, accountId);
    await this.#directory.deleteProject(ACTOR, accountId);
  }

  hasPassword(userId: string): boolean {
    return this.#context.identity.get('user', userId)?.sealedHash !== undefined;
  }

  setPassword(userId: string, password: string, source: SecretSource): Outcome {
    return this.#users.setPassword(ACTOR, userId, password, { by: 'operator', source });
  }

  async #begin(): Promise<void> {
    const { identity } = this.#context;
    const last = identity.get('role', builtInRoleId('admin'));
    if (last?.impliedRoleIds.includes(builtInRoleId('manager'))) return;
    const domain = { name: 'Default', description: 'The default domain', enabled: true };
    if (!identity.get('domain', DEFAULT_DOMAIN)) {
      accepted(await this.#directory.createDomain(ACTOR, domain, DEFAULT_DOMAIN));
    }
    const made = BUILT_IN.map(async (name) => {
      const id = builtInRoleId(name);
      if (identity.get('role', id)) return;
      accepted(await this.#roles.createRole(ACTOR, { name, description: '', domainId: '' }, id));
    });
    await Promise.all(made);
    // The administrator's last: it tells that all the rest is done.
    for (const [number, name] of [...PERSONAS.entries()].reverse()) {
      const implied = PERSONAS[number + 1];
      if (implied) await this.#roles.implyRole(ACTOR, builtInRoleId(name), builtInRoleId(implied));
    }
  }
}

/** Gateways that start together want the same; whoever comes second finds it there. */
function accepted(outcome: string | Rejection<DirectoryRejection>): void {
  if (!isRejected(outcome) || /-exists$/.test(outcome.rejected)) return;
  throw new Error(`identity cannot begin: ${outcome.rejected}`);
}
