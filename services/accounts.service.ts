// Owns the use cases of accounts: who may call with which key, and the operator's hand on both. Secrets are
// opened only in memory; the log and the read models have them sealed.

import { createHash } from 'node:crypto';
import { type AccountCommand, type AccountState, accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts as accountLifecycle, accountStream } from '#core/identity/accounts.events.ts';
import { type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
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
const RACES_MAX = 5;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]*$/;

export function createAccounts(context: ServiceContext, keys: SubjectKeys): AccountService {
  return new AccountUseCases(context, keys);
}

type Refused = Rejection<AccountAdminRejection>;

interface OpenedKey {
  readonly sealed: Uint8Array;
  readonly owner: AccessKeyOwner;
}

class AccountUseCases implements AccountService {
  readonly #opened = new Map<string, OpenedKey>();
  /** By access key id. */
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #context: ServiceContext;
  readonly #keys: SubjectKeys;

  constructor(context: ServiceContext, keys: SubjectKeys) {
    this.#context = context;
    this.#keys = keys;
  }

  accessKey(accessKeyId: string): AccessKeyOwner | undefined {
    const stored = this.#context.accounts.accessKey(accessKeyId);
    const opened = stored && this.#opened.get(accessKeyId);
    if (opened && Buffer.compare(opened.sealed, stored.sealedSecret) === 0) return opened.owner;
    if (!stored) this.#opened.delete(accessKeyId);
    return undefined;
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
    const { accounts } = this.#context;
    const stored = accounts.accessKey(accessKeyId);
    const account = stored && accounts.get(stored.accountId);
    const key = account?.keyBlob && (await this.#keys.find(account.keyBlob));
    if (!account || !key) return;
    const owner: AccessKeyOwner = {
      accountId: account.id,
      accountName: account.name,
      canonicalId: account.canonicalId,
      role: account.role,
      secret: unseal(key, stored.sealedSecret, accessKeyId),
    };
    // Kept as long as the key is as it was when it was opened.
    if (this.#opened.size >= limits.openedSecrets) this.#opened.clear();
    this.#opened.set(accessKeyId, { sealed: stored.sealedSecret, owner });
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
    if (account.keyBlob !== undefined) await this.#keys.destroy(account.keyBlob);
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
