// Owns the use cases of users: who they are, their passwords, groups and credentials. Secrets and hashes
// leave this file sealed under the user's key alone; deleting a user destroys the key.

import { identityStream } from '#core/identity/directory.events.ts';
import { seal, unseal } from '#core/identity/subject-keys.ts';
import { type UserCommand, type UserState, userDecider } from '#core/identity/users.decider.ts';
import { users } from '#core/identity/users.events.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import type { Actor, StreamGuard } from '#core/log/event-log.ts';
import type {
  StoredApplicationCredential,
  StoredCredential,
  StoredUser,
  StoredUserOptions,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import { newAccessKeyId, newSecret } from '../access-keys.ts';
import type { UserRejection } from './identity.ts';
import { allOf, guardOf, type IdentityContext, run, withName } from './identity-context.ts';
import { isStrong, type LoginPolicy } from './login-policy.ts';
import type { Passwords, SecretSource } from './passwords.ts';
import type { RoleUseCases } from './roles.service.ts';
import type { TrustUseCases } from './trusts.service.ts';

type Refused = Rejection<UserRejection>;
type Outcome = Promise<undefined | Refused>;

export interface NewUser {
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
  /** Empty where there is none. */
  readonly email: string;
  readonly defaultProjectId: string;
  readonly enabled: boolean;
  readonly extra: Readonly<Record<string, string>>;
  /** The identity provider elsewhere that vouches for the user. */
  readonly federated?: NonNullable<StoredUser['federated']>;
}

export interface NewApplicationCredential
  extends Omit<StoredApplicationCredential, 'id' | 'userId' | 'sealedHash' | 'createdMs'> {
  /** Absent: a random one is made. */
  readonly secret?: string;
}

/** Of a type that is the client's affair. */
export interface NewCredential {
  readonly kind: string;
  /** Empty: for none. */
  readonly projectId: string;
  readonly blob: string;
}

/** Who sets a password, and where it comes from. */
export interface PasswordSetting {
  readonly by: 'self' | 'administrator' | 'operator';
  /** Default: chosen. */
  readonly source?: SecretSource;
}

const BY_ADMIN: PasswordSetting = { by: 'administrator' };

export interface Ec2Secret {
  readonly accessKeyId: string;
  readonly secret: string;
}

interface UserParts {
  readonly passwords: Passwords;
  readonly roles: RoleUseCases;
  readonly trusts: TrustUseCases;
  readonly policy: LoginPolicy;
}

export class UserUseCases {
  readonly #context: IdentityContext;
  readonly #passwords: Passwords;
  readonly #roles: RoleUseCases;
  readonly #policy: LoginPolicy;

  readonly #trusts: TrustUseCases;

  constructor(context: IdentityContext, { passwords, roles, trusts, policy }: UserParts) {
    this.#context = context;
    this.#policy = policy;
    this.#passwords = passwords;
    this.#roles = roles;
    this.#trusts = trusts;
  }

  async createUser(
    actor: Actor,
    user: NewUser,
    password?: string,
    id = newId(this.#context.random),
  ): Promise<string | Refused> {
    const { identity } = this.#context;
    if (password !== undefined && !isStrong(this.#policy, password)) return { rejected: 'weak-password' };
    const named = { kind: 'user', scopeId: user.domainId, name: user.name, id } as const;
    const refused = await withName(this.#context, actor, named, (nameGuard) =>
      this.#run(actor, id, { type: 'CreateUser', ...user }, () => {
        const domain = identity.get('domain', user.domainId);
        if (domain && !domain.enabled) return { rejected: 'domain-disabled' };
        return allOf<UserRejection | 'name-lost'>(nameGuard(), guardOf(identity, 'domain', user.domainId));
      }),
    );
    if (refused) return refused;
    const unset = password === undefined ? undefined : await this.setPassword(actor, id, password, BY_ADMIN);
    return unset ?? id;
  }

  async updateUser(
    actor: Actor,
    id: string,
    changes: Partial<Omit<NewUser, 'domainId' | 'federated'>>,
  ): Outcome {
    const user = this.#context.identity.get('user', id);
    if (!user) return { rejected: 'no-such-user' };
    const { extra, ...rest } = changes;
    const command = { type: 'UpdateUser', ...rest, ...(extra && { extra: { values: extra } }) } as const;
    const { name } = changes;
    if (name === undefined || name === user.name) return this.#run(actor, id, command);
    const named = { kind: 'user', scopeId: user.domainId, name, id } as const;
    return withName(this.#context, actor, named, (nameGuard) =>
      this.#run(actor, id, command, () => allOf<UserRejection | 'name-lost'>(nameGuard())),
    );
  }

  async deleteUser(actor: Actor, id: string): Outcome {
    const user = this.#context.identity.get('user', id);
    const refused = await this.#run(actor, id, { type: 'DeleteUser' });
    if (refused) return refused;
    if (user?.keyBlob !== undefined) await this.#context.keys.destroy(user.keyBlob);
    await this.#trusts.deleteOf(actor, id);
    await this.#roles.withdrawAll(actor, { actorId: id });
    return undefined;
  }

  /** All tokens of the user from before are void. What the operator sets is under no policy. */
  async setPassword(actor: Actor, id: string, password: string, { by, source }: PasswordSetting): Outcome {
    const isOperators = by === 'operator';
    if (!isOperators && !isStrong(this.#policy, password)) return { rejected: 'weak-password' };
    const key = await this.#keyOf(actor, id);
    if (isRejected(key)) return key;
    const hash = await this.#passwords.hash(password, source ?? 'chosen');
    return this.#run(actor, id, {
      type: 'SetPassword',
      sealedHash: seal(key, hash, id, this.#context.random),
      bySelf: by === 'self',
      mustChange: by === 'administrator' && this.#policy.changePasswordUponFirstUse,
      neverExpires: isOperators,
      formerKept: Math.max(0, this.#policy.passwordHistory - 1),
    });
  }

  /** Whether it is the password of the moment or, of the last ones, one that must not come back. */
  async wasPassword(user: StoredUser, password: string): Promise<boolean> {
    const { passwordHistory } = this.#policy;
    const current = user.sealedHash === undefined ? [] : [user.sealedHash];
    for (const sealed of [...current, ...(user.formerHashes ?? [])].slice(0, passwordHistory)) {
      const hash = await this.#opened(user, sealed, user.id);
      if (hash !== undefined && (await this.#passwords.verify(password, hash))) return true;
    }
    return false;
  }

  /**
   * Without regard to any policy: who lets somebody in asks logins.service.ts. False also for a user that is
   * not there, after the same time.
   */
  async isPassword(user: StoredUser | undefined, password: string): Promise<boolean> {
    const hash = user?.sealedHash && (await this.#opened(user, user.sealedHash, user.id));
    return this.#passwords.verify(password, hash || undefined);
  }

  setOptions(actor: Actor, id: string, options: StoredUserOptions): Outcome {
    return this.#run(actor, id, { type: 'SetOptions', ...options });
  }

  lockOut(actor: Actor, id: string, untilMs: number | undefined): Outcome {
    return this.#run(actor, id, { type: 'LockOut', ...(untilMs !== undefined && { untilMs }) });
  }

  noteSeen(actor: Actor, id: string): Outcome {
    return this.#run(actor, id, { type: 'NoteSeen' });
  }

  revokeTokens(actor: Actor, id: string): Outcome {
    return this.#run(actor, id, { type: 'RevokeTokens' });
  }

  joinGroup(actor: Actor, id: string, groupId: string): Outcome {
    const { identity } = this.#context;
    return this.#run(actor, id, { type: 'JoinGroup', groupId }, () =>
      allOf(guardOf(identity, 'group', groupId)),
    );
  }

  leaveGroup(actor: Actor, id: string, groupId: string): Outcome {
    return this.#run(actor, id, { type: 'LeaveGroup', groupId });
  }

  async createEc2Credential(actor: Actor, id: string, projectId: string): Promise<Ec2Secret | Refused> {
    const { identity, random } = this.#context;
    const key = await this.#keyOf(actor, id);
    if (isRejected(key)) return key;
    const accessKeyId = newAccessKeyId(random);
    const secret = newSecret(random);
    const sealedSecret = seal(key, secret, accessKeyId, random);
    const command = { type: 'CreateEc2Credential', accessKeyId, projectId, sealedSecret } as const;
    const guards = () => allOf(guardOf(identity, 'project', projectId));
    return (await this.#run(actor, id, command, guards)) ?? { accessKeyId, secret };
  }

  deleteEc2Credential(actor: Actor, id: string, accessKeyId: string): Outcome {
    return this.#run(actor, id, { type: 'DeleteEc2Credential', accessKeyId });
  }

  /** Undefined where there is no such credential, or its user's key is gone. */
  async ec2Secret(accessKeyId: string): Promise<string | undefined> {
    const { identity } = this.#context;
    const credential = identity.ec2Credential(accessKeyId);
    const user = credential && identity.get('user', credential.userId);
    return user && this.#opened(user, credential.sealedSecret, accessKeyId);
  }

  async createApplicationCredential(
    actor: Actor,
    id: string,
    credential: NewApplicationCredential,
  ): Promise<{ readonly id: string; readonly secret: string } | Refused> {
    const { identity, random } = this.#context;
    const { secret: chosen, ...data } = credential;
    const secret = chosen ?? newSecret(random) + newSecret(random);
    const key = await this.#keyOf(actor, id);
    if (isRejected(key)) return key;
    const credentialId = newId(random);
    const hash = await this.#passwords.hash(secret, chosen === undefined ? 'drawn' : 'chosen');
    const sealedHash = seal(key, hash, credentialId, random);
    const command = { type: 'CreateApplicationCredential', credentialId, ...data, sealedHash } as const;
    const guards = () => allOf(guardOf(identity, 'project', data.projectId));
    return (await this.#run(actor, id, command, guards)) ?? { id: credentialId, secret };
  }

  deleteApplicationCredential(actor: Actor, id: string, credentialId: string): Outcome {
    return this.#run(actor, id, { type: 'DeleteApplicationCredential', credentialId });
  }

  async createCredential(actor: Actor, id: string, credential: NewCredential): Promise<string | Refused> {
    const credentialId = newId(this.#context.random);
    return (
      (await this.#setCredential(actor, id, 'CreateCredential', { credentialId, ...credential })) ??
      credentialId
    );
  }

  changeCredential(
    actor: Actor,
    id: string,
    credential: NewCredential & { readonly credentialId: string },
  ): Outcome {
    return this.#setCredential(actor, id, 'ChangeCredential', credential);
  }

  deleteCredential(actor: Actor, id: string, credentialId: string): Outcome {
    return this.#run(actor, id, { type: 'DeleteCredential', credentialId });
  }

  /** Undefined where its user's key is gone. */
  async credentialBlob(credential: StoredCredential): Promise<string | undefined> {
    const { id, userId, sealedBlob, accessKeyId } = credential;
    const user = this.#context.identity.get('user', userId);
    const opened = user && (await this.#opened(user, sealedBlob, accessKeyId ?? id));
    if (accessKeyId === undefined || opened === undefined) return opened;
    return JSON.stringify({ access: accessKeyId, secret: opened });
  }

  async #setCredential(
    actor: Actor,
    id: string,
    type: 'CreateCredential' | 'ChangeCredential',
    { blob, ...data }: NewCredential & { readonly credentialId: string },
  ): Outcome {
    const { identity, random } = this.#context;
    const key = await this.#keyOf(actor, id);
    if (isRejected(key)) return key;
    const sealedBlob = seal(key, blob, data.credentialId, random);
    return this.#run(actor, id, { type, ...data, sealedBlob }, () =>
      data.projectId === '' ? [] : allOf(guardOf(identity, 'project', data.projectId)),
    );
  }

  /** False also for a credential that is not there, after the same time. */
  async isApplicationSecret(
    credential: StoredApplicationCredential | undefined,
    secret: string,
  ): Promise<boolean> {
    const user = credential && this.#context.identity.get('user', credential.userId);
    const hash = user && (await this.#opened(user, credential.sealedHash, credential.id));
    return this.#passwords.verify(secret, hash);
  }

  async #opened(user: StoredUser, sealed: string, context: string): Promise<string | undefined> {
    const key = user.keyBlob === undefined ? undefined : await this.#context.keys.find(user.keyBlob);
    return key && unseal(key, Buffer.from(sealed, 'base64'), context);
  }

  /** Bytes first, then the event that names them, as with an object. Of two that make one, one wins. */
  async #keyOf(actor: Actor, id: string): Promise<Uint8Array | Refused> {
    const { identity, keys, writes } = this.#context;
    if (!identity.get('user', id)) return { rejected: 'no-such-user' };
    if (identity.get('user', id)?.keyBlob === undefined) {
      const refused = await writes.track(async () => {
        const { blob: keyBlob } = await keys.make(identityStream(users.family, id));
        return this.#run(actor, id, { type: 'NameUserKey', keyBlob });
      });
      if (refused) return refused;
    }
    const named = identity.get('user', id)?.keyBlob;
    const key = named && (await keys.find(named));
    if (!key) throw new Fault('chunk-missing', `the key of user ${id} is gone`);
    return key;
  }

  #run(
    actor: Actor,
    id: string,
    command: UserCommand,
    guards: () => readonly StreamGuard[] | Rejection<UserRejection | 'name-lost'> = () => [],
  ): Outcome {
    const { identity } = this.#context;
    return run(this.#context, {
      ...{ decider: userDecider, lifecycle: users, id, command, actor, guards },
      state: () => stateOf(identity.get('user', id)),
      revision: () => identity.revision('user', id),
    }) as Outcome;
  }
}

function stateOf(user: StoredUser | undefined): UserState {
  if (!user) return { status: 'absent' };
  const { groupIds, accessKeyIds, applicationCredentials, credentialIds, keyBlob } = user;
  const key = keyBlob === undefined ? {} : { keyBlob };
  return { status: 'active', groupIds, accessKeyIds, applicationCredentials, credentialIds, ...key };
}
