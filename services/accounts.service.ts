// Owns the use cases of accounts: who may call with which key, and the operator's hand on both. Secrets are
// opened only in memory; the log and the read models have them sealed.

import { createHash } from 'node:crypto';
import { type AccountCommand, type AccountState, accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts as accountLifecycle, accountStream } from '#core/identity/accounts.events.ts';
import { type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import type { StoredAccount } from '#projections/accounts-by-id/accounts-by-id.query.ts';
import { newAccessKeyId, newSecret } from './access-keys.ts';
import type {
  AccountAdmin,
  AccountAdminRejection,
  AddAccountOptions,
  ListedAccount,
  NewAccessKey,
  NewAccount,
} from './account-admin.ts';
import type { AccessKeyOwner, Accounts } from './cloud.ts';
import { type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { effectiveRoles } from './identity/effective-roles.ts';
import type { Identity } from './identity/identity.ts';
import type { SecretSource } from './identity/passwords.ts';
import { roleAmong } from './permissions.ts';

/** Keys given by the operator instead of random ones, at the first start. */
export interface GivenKey {
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
}

export interface AccountService extends Accounts, AccountAdmin {
  addAccount(
    name: string,
    options?: AddAccountOptions & { readonly key?: GivenKey },
  ): ReturnType<AccountAdmin['addAccount']>;
  /**
   * The administrator of this name with a key that opens: as given, where parts of it are. Makes what is
   * missing and replaces a key of the same id with another secret.
   */
  obtainAdministrator(
    name: string,
    given: GivenKey,
  ): Promise<NewAccessKey | Rejection<AccountAdminRejection>>;
  /** Of the user of this name, who logs in with it; does not look whether there is one. */
  hasPassword(name: string): boolean;
  setPassword(
    name: string,
    password: string,
    source?: SecretSource,
  ): Promise<undefined | Rejection<AccountAdminRejection>>;
}

const SYSTEM = { user: 'system', project: 'system', requestId: 'operator' } as const;
const RACES_MAX = 5;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]*$/;

export function createAccounts(
  context: ServiceContext,
  keys: SubjectKeys,
  identity: Identity,
): AccountService {
  return new AccountUseCases(context, keys, identity);
}

type Refused = Rejection<AccountAdminRejection>;

interface OpenedKey {
  readonly sealed: Uint8Array;
  readonly owner: AccessKeyOwner;
  /** An account's key; otherwise a credential that a user has for a project. */
  readonly isAccounts: boolean;
  /** Of identity, when it was opened: who changes there may have lost what the key opens. */
  readonly changes: number;
}

class AccountUseCases implements AccountService {
  readonly #opened = new Map<string, OpenedKey>();
  /** By access key id. */
  readonly #fetching = new Map<string, Promise<void>>();
  /** Ids of accounts, which never change, by canonical id. */
  readonly #canonical = new Map<string, string>();
  readonly #context: ServiceContext;
  readonly #keys: SubjectKeys;
  readonly #identity: Identity;

  constructor(context: ServiceContext, keys: SubjectKeys, identity: Identity) {
    this.#context = context;
    this.#keys = keys;
    this.#identity = identity;
  }

  accessKey(accessKeyId: string): AccessKeyOwner | undefined {
    const stored = this.#context.accounts.accessKey(accessKeyId);
    const opened = this.#opened.get(accessKeyId);
    if (!opened || opened.changes !== this.#context.identity.changes()) return undefined;
    if (opened.isAccounts && !(stored && isSame(opened.sealed, stored.sealedSecret))) return undefined;
    return opened.owner;
  }

  fetchAccessKey(accessKeyId: string): Promise<void> {
    const fetching =
      this.#fetching.get(accessKeyId) ??
      this.#fetch(accessKeyId).finally(() => this.#fetching.delete(accessKeyId));
    this.#fetching.set(accessKeyId, fetching);
    return fetching;
  }

  /** The key may have been made by another gateway a moment ago. */
  async #fetch(accessKeyId: string): Promise<void> {
    await this.#context.barrier();
    const changes = this.#context.identity.changes();
    const found = (await this.#openAccounts(accessKeyId)) ?? (await this.#openEc2(accessKeyId));
    if (!found) {
      this.#opened.delete(accessKeyId);
      return;
    }
    // Kept as long as the key, and whoever has it, is as when it was opened.
    if (this.#opened.size >= limits.openedSecrets) this.#opened.clear();
    this.#opened.set(accessKeyId, { ...found, changes });
  }

  async #openAccounts(accessKeyId: string): Promise<Omit<OpenedKey, 'changes'> | undefined> {
    const { accounts } = this.#context;
    const { adoption } = this.#identity;
    const stored = accounts.accessKey(accessKeyId);
    const account = stored && accounts.get(stored.accountId);
    if (!account) return undefined;
    if (adoption.isUnknown(account.id)) await adoption.adopt(account);
    const role = roleAmong([account.role]);
    if (!adoption.isEnabled(account.id) || !role) return undefined;
    const secret = await this.#secretOf(accessKeyId, stored.sealedSecret, async () => {
      const key = account.keyBlob && (await this.#keys.find(account.keyBlob));
      return key ? unseal(key, stored.sealedSecret, accessKeyId) : undefined;
    });
    if (secret === undefined) return undefined;
    const { id: accountId, name: accountName, canonicalId } = account;
    const owner = { accountId, accountName, canonicalId, role, secret };
    return { sealed: stored.sealedSecret, owner, isAccounts: true };
  }

  /** A credential of a user opens the project as far as the user's roles there do. */
  async #openEc2(accessKeyId: string): Promise<Omit<OpenedKey, 'changes'> | undefined> {
    const { view, users } = this.#identity;
    const credential = view.ec2Credential(accessKeyId);
    const user = credential && view.get('user', credential.userId);
    const project = credential && view.get('project', credential.projectId);
    if (!credential || !user?.enabled || !project?.enabled) return undefined;
    for (const { domainId } of [user, project]) if (!view.get('domain', domainId)?.enabled) return undefined;
    const roles = effectiveRoles(view, user, { kind: 'project', id: project.id });
    const role = roleAmong(roles.map(({ name }) => name));
    if (!role) return undefined;
    const sealed = Buffer.from(credential.sealedSecret, 'base64');
    const secret = await this.#secretOf(accessKeyId, sealed, () => users.ec2Secret(accessKeyId));
    if (secret === undefined) return undefined;
    const { id: accountId, name: accountName } = project;
    const canonicalId = canonicalIdOf(accountId);
    // A name is one of its domain only: whoever has it elsewhere must not be taken for another.
    const isOfDomain = user.domainId === project.domainId;
    const who = { id: user.id, name: isOfDomain ? user.name : `${user.domainId}/${user.name}` };
    const owner = { accountId, accountName, canonicalId, role, secret, user: who };
    return { sealed, owner, isAccounts: false };
  }

  /** As it was opened before, if it is the same. */
  async #secretOf(
    accessKeyId: string,
    sealed: Uint8Array,
    open: () => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const known = this.#opened.get(accessKeyId);
    return known && isSame(known.sealed, sealed) ? known.owner.secret : open();
  }

  owner(accountId: string): ReturnType<Accounts['owner']> {
    const { accounts, identity } = this.#context;
    const displayName =
      accounts.get(accountId)?.name ?? identity.get('project', accountId)?.name ?? accountId;
    return { canonicalId: canonicalIdOf(accountId), displayName };
  }

  async byCanonicalId(canonicalId: string): Promise<string | undefined> {
    await this.#context.barrier();
    const known = this.#canonical.get(canonicalId);
    if (known !== undefined) return known;
    const isIts = ({ id }: { readonly id: string }) => canonicalIdOf(id) === canonicalId;
    const [project] = await this.#context.identity.list('project', 1, isIts);
    if (!project) return undefined;
    if (this.#canonical.size >= limits.openedSecrets) this.#canonical.clear();
    this.#canonical.set(canonicalId, project.id);
    return project.id;
  }

  async byEmail(email: string): Promise<readonly string[]> {
    await this.#context.barrier();
    const wanted = email.toLowerCase();
    const all = await this.#context.accounts.all();
    return all
      .filter((account) => account.email?.toLowerCase() === wanted)
      .slice(0, 2)
      .map(({ id }) => id);
  }

  async addAccount(
    name: string,
    options: AddAccountOptions & { readonly key?: GivenKey } = {},
  ): Promise<NewAccount | Refused> {
    if (!NAME.test(name) || name.length > limits.accountNameCharacters) return { rejected: 'invalid-name' };
    const accountId = accountIdOf(name);
    const role = options.role ?? 'member';
    if (this.#context.accounts.get(accountId)) return { rejected: 'account-exists' };
    const adopted = await this.#identity.adoption.adopt({ id: accountId, name, email: options.email, role });
    if (adopted) return { rejected: 'account-exists' };
    const created = await this.#run(accountId, {
      type: 'CreateAccount',
      name,
      ...(options.email !== undefined && { email: options.email }),
      canonicalId: canonicalIdOf(accountId),
      role,
    });
    if (isRejected(created)) return created;
    const key = await this.#createKeyFor(accountId, options.key);
    return isRejected(key) ? key : { accountId, canonicalId: canonicalIdOf(accountId), ...key };
  }

  async obtainAdministrator(name: string, given: GivenKey): Promise<NewAccessKey | Refused> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#obtainAdministrator(name, given);
      // Gateways that start together want the same account and key: who came second looks again.
      const lost = isRejected(outcome) && ['account-exists', 'key-exists'].includes(outcome.rejected);
      if (!lost || attempt === RACES_MAX) return outcome;
      await untilCaughtUp(this.#context);
    }
  }

  async #obtainAdministrator(name: string, given: GivenKey): Promise<NewAccessKey | Refused> {
    const account = this.#context.accounts.byName(name);
    if (!account) return this.addAccount(name, { role: 'admin', key: given });
    await this.#identity.adoption.restore(account);
    const { accessKeyId, secretAccessKey } = given;
    if (accessKeyId !== undefined && account.accessKeys.some((key) => key.accessKeyId === accessKeyId)) {
      await this.fetchAccessKey(accessKeyId);
      const known = this.accessKey(accessKeyId);
      if (known && (secretAccessKey === undefined || secretAccessKey === known.secret)) {
        return { accessKeyId, secretAccessKey: known.secret };
      }
      await this.#run(account.id, { type: 'RevokeAccessKey', accessKeyId });
    }
    return this.#createKeyFor(account.id, given);
  }

  hasPassword(name: string): boolean {
    return this.#identity.adoption.hasPassword(accountIdOf(name));
  }

  async setPassword(
    name: string,
    password: string,
    source: SecretSource = 'chosen',
  ): Promise<undefined | Refused> {
    const refused = await this.#identity.adoption.setPassword(accountIdOf(name), password, source);
    return refused && { rejected: 'no-such-account' };
  }

  async listAccounts(): Promise<readonly ListedAccount[]> {
    const all = await this.#context.accounts.all();
    return all.map(({ id, canonicalId, accessKeys, name, email, role, createdMs }) => ({
      accountId: id,
      canonicalId,
      name,
      ...(email !== undefined && { email }),
      role,
      createdMs,
      accessKeyIds: accessKeys.map((key) => key.accessKeyId),
    }));
  }

  async removeAccount(name: string): Promise<undefined | Refused> {
    const account = this.#context.accounts.byName(name);
    if (!account) return { rejected: 'no-such-account' };
    if (await this.#isLastAdmin(account)) return { rejected: 'last-admin' };
    const owned = await this.#context.buckets.ofOwner(account.id, '', 1);
    if (owned.length > 0) return { rejected: 'account-owns-buckets' };
    const outcome = await this.#run(account.id, { type: 'RemoveAccount' });
    if (isRejected(outcome)) return outcome;
    if (account.keyBlob !== undefined) await this.#keys.destroy(account.keyBlob);
    await this.#identity.adoption.abandon(account.id);
    return undefined;
  }

  async createKey(name: string): Promise<NewAccessKey | Refused> {
    const account = this.#context.accounts.byName(name);
    return account ? this.#createKeyFor(account.id) : { rejected: 'no-such-account' };
  }

  async revokeKey(accessKeyId: string): Promise<undefined | Refused> {
    const key = this.#context.accounts.accessKey(accessKeyId);
    const account = key && this.#context.accounts.get(key.accountId);
    if (!account) return { rejected: 'no-such-key' };
    if (account.accessKeys.length === 1 && (await this.#isLastAdmin(account))) {
      return { rejected: 'last-admin' };
    }
    const outcome = await this.#run(account.id, { type: 'RevokeAccessKey', accessKeyId });
    return isRejected(outcome) ? outcome : undefined;
  }

  async #createKeyFor(accountId: string, given: GivenKey = {}): Promise<NewAccessKey | Refused> {
    const { random, accounts } = this.#context;
    const accessKeyId = given.accessKeyId ?? newAccessKeyId(random);
    const secretAccessKey = given.secretAccessKey ?? newSecret(random);
    if (accounts.accessKey(accessKeyId)) return { rejected: 'key-exists' };
    const key = await this.#subjectKeyOf(accountId);
    if (isRejected(key)) return key;
    const sealedSecret = seal(key, secretAccessKey, accessKeyId, random);
    const outcome = await this.#run(accountId, { type: 'CreateAccessKey', accessKeyId, sealedSecret });
    if (isRejected(outcome)) return outcome;
    await this.fetchAccessKey(accessKeyId);
    return { accessKeyId, secretAccessKey };
  }

  /** Bytes first, then the event that names them, as with an object. Of two that make one, one wins. */
  async #subjectKeyOf(accountId: string): Promise<Uint8Array | Refused> {
    const { accounts, writes } = this.#context;
    if (accounts.get(accountId)?.keyBlob === undefined) {
      const refused = await writes.track(async () => {
        const { blob: keyBlob } = await this.#keys.make(accountStream(accountId));
        const outcome = await this.#run(accountId, { type: 'NameSubjectKey', keyBlob });
        return isRejected(outcome) ? outcome : undefined;
      });
      if (refused) return refused;
    }
    const named = accounts.get(accountId)?.keyBlob;
    const key = named && (await this.#keys.find(named));
    if (!key) throw new Fault('chunk-missing', `the key of account ${accountId} is gone`);
    return key;
  }

  /** Whether the cloud would be left without an administrator that can call. */
  async #isLastAdmin(account: StoredAccount): Promise<boolean> {
    if (account.role !== 'admin') return false;
    const all = await this.#context.accounts.all();
    return !all.some(
      (other) => other.id !== account.id && other.role === 'admin' && other.accessKeys.length > 0,
    );
  }

  async #run(accountId: string, command: AccountCommand) {
    const { accounts, log } = this.#context;
    const outcome = await runCommand(log, {
      decider: accountDecider,
      lifecycle: accountLifecycle,
      stream: accountStream(accountId),
      command,
      actor: SYSTEM,
      view: () => ({
        state: stateOf(accounts.get(accountId)),
        expect: accounts.revision(accountId) ?? 'none',
      }),
      refresh: () => untilCaughtUp(this.#context),
    });
    if (outcome && !isRejected(outcome)) await untilApplied(this.#context, outcome);
    return outcome;
  }
}

function stateOf(account: StoredAccount | undefined): AccountState {
  if (!account) return { status: 'absent' };
  return {
    status: 'active',
    role: account.role,
    accessKeyIds: account.accessKeys.map((key) => key.accessKeyId),
    ...(account.keyBlob !== undefined && { keyBlob: account.keyBlob }),
  };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The id follows from the name, so that the stream's own guard keeps names unique. */
function accountIdOf(name: string): string {
  return createHash('sha256').update(`account\n${name}`).digest('hex').slice(0, 32);
}

function canonicalIdOf(accountId: string): string {
  return createHash('sha256').update(`canonical\n${accountId}`).digest('hex');
}
