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
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import { newAccessKeyId, newSecret } from '../access-keys.ts';
import type { UserRejection } from './identity.ts';
import { allOf, guardOf, type IdentityContext, run, withName } from './identity-context.ts';
import type { Passwords, SecretSource } from './passwords.ts';
import type { RoleUseCases } from './roles.service.ts';

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
}

export interface NewApplicationCredential
  extends Omit<StoredApplicationCredential, 'id' | 'userId' | 'sealedHash' | 'createdMs'> {
  /** Absent: a random one is made. */
  readonly secret?: string;
}

export interface Ec2Secret {
  readonly accessKeyId: string;
  readonly secret: string;
}

export class UserUseCases {
  readonly #context: IdentityContext;
  readonly #passwords: Passwords;
  readonly #roles: RoleUseCases;

  constructor(context: IdentityContext, passwords: Passwords, roles: RoleUseCases) {
    this.#context = context;
    this.#passwords = passwords;
    this.#roles = roles;
  }

  async createUser(
    actor: Actor,
    user: NewUser,
    password?: string,
    id = newId(this.#context.random),
  ): Promise<string | Refused> {
    const { identity } = this.#context;
    const named = { kind: 'user', scopeId: user.domainId, name: user.name, id } as const;
    const refused = await withName(this.#context, actor, named, (nameGuard) =>
      this.#run(actor, id, { type: 'CreateUser', ...user }, () => {
        const domain = identity.get('domain', user.domainId);
        if (domain && !domain.enabled) return { rejected: 'domain-disabled' };
        return allOf<UserRejection | 'name-lost'>(nameGuard(), guardOf(identity, 'domain', user.domainId));
      }),
    );
    if (refused) return refused;
    const unset = password === undefined ? undefined : await this.setPassword(actor, id, password);
    return unset ?? id;
  }

  async updateUser(actor: Actor, id: string, changes: Partial<Omit<NewUser, 'domainId'>>): Outcome {
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
    await this.#roles.withdrawAll(actor, { actorId: id });
    return undefined;
  }

  /** All tokens of the user from before are void. */
  async setPassword(actor: Actor, id: string, password: string, source: SecretSource = 'chosen'): Outcome {
    const key = await this.#keyOf(actor, id);
    if (isRejected(key)) return key;
    const sealedHash = seal(key, await this.#passwords.hash(password, source), id, this.#context.random);
    return this.#run(actor, id, { type: 'SetPassword', sealedHash });
  }

  /** False also for a user that is not there, after the same time. */
  async isPassword(user: StoredUser | undefined, password: string): Promise<boolean> {
    const hash = user?.sealedHash && (await this.#opened(user, user.sealedHash, user.id));
    return this.#passwords.verify(password, hash || undefined);
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
  const { groupIds, accessKeyIds, applicationCredentials, keyBlob } = user;
  const key = keyBlob === undefined ? {} : { keyBlob };
  return { status: 'active', groupIds, accessKeyIds, applicationCredentials, ...key };
}
