// Owns the use cases of accounts: who may call with which key, and the operator's hand on both. Secrets are
// opened only in memory; the log and the read models have them sealed.

import { createHash } from 'node:crypto';
import { type AccountCommand, type AccountState, accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts as accountLifecycle, accountStream } from '#core/identity/accounts.events.ts';
import { type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import type { StoredAccount } from '#projections/accounts-by-id/accounts-by-id.query.ts';
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
}

const SYSTEM = { user: 'system', project: 'system', requestId: 'operator' } as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]*$/;

export function createAccounts(context: ServiceContext, keys: SubjectKeys): AccountService {
  return new AccountUseCases(context, keys);
}

type Refused = Rejection<AccountAdminRejection>;

class AccountUseCases implements AccountService {
  readonly accessKey: Accounts['accessKey'];
  readonly #context: ServiceContext;
  readonly #keys: SubjectKeys;

  constructor(context: ServiceContext, keys: SubjectKeys) {
    this.#context = context;
    this.#keys = keys;
    this.accessKey = accessKeyFinder(context, keys);
  }

  owner(accountId: string): ReturnType<Accounts['owner']> {
    const displayName = this.#context.accounts.get(accountId)?.name ?? accountId;
    return { canonicalId: canonicalIdOf(accountId), displayName };
  }

  async addAccount(
    name: string,
    options: AddAccountOptions & { readonly key?: GivenKey } = {},
  ): Promise<NewAccount | Refused> {
    if (!NAME.test(name) || name.length > limits.accountNameCharacters) return { rejected: 'invalid-name' };
    const accountId = accountIdOf(name);
    const created = await this.#run(accountId, {
      type: 'CreateAccount',
      name,
      ...(options.email !== undefined && { email: options.email }),
      canonicalId: canonicalIdOf(accountId),
      role: options.role ?? 'member',
    });
    if (isRejected(created)) return created;
    const key = await this.#createKeyFor(accountId, options.key);
    return isRejected(key) ? key : { accountId, ...key };
  }

  async obtainAdministrator(name: string, given: GivenKey): Promise<NewAccessKey | Refused> {
    const account = this.#context.accounts.byName(name);
    if (!account) return this.addAccount(name, { role: 'admin', key: given });
    const { accessKeyId, secretAccessKey } = given;
    if (accessKeyId !== undefined && account.accessKeys.some((key) => key.accessKeyId === accessKeyId)) {
      const known = this.accessKey(accessKeyId);
      if (known && (secretAccessKey === undefined || secretAccessKey === known.secret)) {
        return { accessKeyId, secretAccessKey: known.secret };
      }
      await this.#run(account.id, { type: 'RevokeAccessKey', accessKeyId });
    }
    return this.#createKeyFor(account.id, given);
  }

  async listAccounts(): Promise<readonly ListedAccount[]> {
    const all = await this.#context.accounts.all();
    return all.map(({ id, accessKeys, name, email, role, createdMs }) => ({
      accountId: id,
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
    await this.#keys.destroy(account.id);
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
    const sealedSecret = seal(await this.#keys.obtain(accountId), secretAccessKey, accessKeyId, random);
    const outcome = await this.#run(accountId, { type: 'CreateAccessKey', accessKeyId, sealedSecret });
    return isRejected(outcome) ? outcome : { accessKeyId, secretAccessKey };
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
  };
}

/** Opened secrets are kept as long as the key is as it was when it was opened. */
function accessKeyFinder(context: ServiceContext, keys: SubjectKeys): Accounts['accessKey'] {
  const opened = new Map<string, { sealed: Uint8Array; owner: AccessKeyOwner }>();
  return (accessKeyId) => {
    const stored = context.accounts.accessKey(accessKeyId);
    if (!stored) {
      opened.delete(accessKeyId);
      return undefined;
    }
    const cached = opened.get(accessKeyId);
    if (cached && Buffer.compare(cached.sealed, stored.sealedSecret) === 0) return cached.owner;
    const account = context.accounts.get(stored.accountId);
    const key = keys.find(stored.accountId);
    if (!account || !key) return undefined;
    const owner: AccessKeyOwner = {
      accountId: account.id,
      accountName: account.name,
      canonicalId: account.canonicalId,
      role: account.role,
      secret: unseal(key, stored.sealedSecret, accessKeyId),
    };
    if (opened.size >= limits.openedSecrets) opened.clear();
    opened.set(accessKeyId, { sealed: stored.sealedSecret, owner });
    return owner;
  };
}

/** The id follows from the name, so that the stream's own guard keeps names unique. */
function accountIdOf(name: string): string {
  return createHash('sha256').update(`account\n${name}`).digest('hex').slice(0, 32);
}

function canonicalIdOf(accountId: string): string {
  return createHash('sha256').update(`canonical\n${accountId}`).digest('hex');
}

const KEY_ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** 20 letters and digits, as clients expect of an access key id. */
function newAccessKeyId(random: Random): string {
  const letters = random.fill(Buffer.allocUnsafe(16));
  return `STRA${Array.from(letters, (byte) => KEY_ID_LETTERS[byte & 31]).join('')}`;
}

/** 40 characters that need no quoting in any shell or configuration file: 240 random bits. */
function newSecret(random: Random): string {
  return random.fill(Buffer.allocUnsafe(30)).toString('base64url');
}
