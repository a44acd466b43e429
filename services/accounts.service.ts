// Owns the use cases of accounts: who may call with which key, and the operator's hand on both. Secrets are
// opened only in memory; the log and the read models have them sealed.

import { createHash } from 'node:crypto';
import { type AccountCommand, type AccountState, accountDecider } from '#core/identity/accounts.decider.ts';
import { accounts as accountLifecycle, accountStream } from '#core/identity/accounts.events.ts';
import { type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import type { StoredAccount } from '#projections/accounts-by-id/accounts-by-id.query.ts';
import type {
  AccountAdmin,
  AccountAdminRejection,
  AddAccountOptions,
  NewAccessKey,
} from './account-admin.ts';
import type { AccessKeyOwner, Accounts } from './cloud.ts';
import { isRejected, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';

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
  const run = async (accountId: string, command: AccountCommand) => {
    const outcome = await runCommand(context.log, {
      decider: accountDecider,
      lifecycle: accountLifecycle,
      stream: accountStream(accountId),
      command,
      actor: SYSTEM,
      view: () => {
        const account = context.accounts.get(accountId);
        return { state: stateOf(account), expect: context.accounts.revision(accountId) ?? 'none' };
      },
      refresh: () => untilCaughtUp(context),
    });
    if (outcome && !isRejected(outcome)) await untilApplied(context, outcome);
    return outcome;
  };

  const createKeyFor = async (accountId: string, given: GivenKey = {}) => {
    const key: NewAccessKey = {
      accessKeyId: given.accessKeyId ?? newAccessKeyId(context.random),
      secretAccessKey: given.secretAccessKey ?? newSecret(context.random),
    };
    if (context.accounts.accessKey(key.accessKeyId)) return { rejected: 'key-exists' as const };
    const sealedSecret = seal(
      await keys.obtain(accountId),
      key.secretAccessKey,
      key.accessKeyId,
      context.random,
    );
    const outcome = await run(accountId, {
      type: 'CreateAccessKey',
      accessKeyId: key.accessKeyId,
      sealedSecret,
    });
    return isRejected(outcome) ? outcome : key;
  };

  /** Whether the cloud would be left without an administrator that can call. */
  const isLastAdmin = async (account: StoredAccount) => {
    if (account.role !== 'admin') return false;
    const all = await context.accounts.all();
    return !all.some(
      (other) => other.id !== account.id && other.role === 'admin' && other.accessKeys.length > 0,
    );
  };

  const find = accessKeyFinder(context, keys);

  const addAccount: AccountService['addAccount'] = async (name, options = {}) => {
    if (!NAME.test(name) || name.length > limits.accountNameCharacters) return { rejected: 'invalid-name' };
    const accountId = accountIdOf(name);
    const created = await run(accountId, {
      type: 'CreateAccount',
      name,
      ...(options.email !== undefined && { email: options.email }),
      canonicalId: canonicalIdOf(accountId),
      role: options.role ?? 'member',
    });
    if (isRejected(created)) return created;
    const key = await createKeyFor(accountId, options.key);
    return isRejected(key) ? key : { accountId, ...key };
  };

  return {
    accessKey: find,

    owner: (accountId) => ({
      canonicalId: canonicalIdOf(accountId),
      displayName: context.accounts.get(accountId)?.name ?? accountId,
    }),

    addAccount,

    async obtainAdministrator(name, given) {
      const account = context.accounts.byName(name);
      if (!account) return addAccount(name, { role: 'admin', key: given });
      const { accessKeyId, secretAccessKey } = given;
      if (accessKeyId !== undefined && account.accessKeys.some((key) => key.accessKeyId === accessKeyId)) {
        const known = find(accessKeyId);
        if (known && (secretAccessKey === undefined || secretAccessKey === known.secret)) {
          return { accessKeyId, secretAccessKey: known.secret };
        }
        await run(account.id, { type: 'RevokeAccessKey', accessKeyId });
      }
      return createKeyFor(account.id, given);
    },

    async listAccounts() {
      const all = await context.accounts.all();
      return all.map(({ id, accessKeys, name, email, role, createdMs }) => ({
        accountId: id,
        name,
        ...(email !== undefined && { email }),
        role,
        createdMs,
        accessKeyIds: accessKeys.map((key) => key.accessKeyId),
      }));
    },

    async removeAccount(name) {
      const account = context.accounts.byName(name);
      if (!account) return { rejected: 'no-such-account' };
      if (await isLastAdmin(account)) return { rejected: 'last-admin' };
      const owned = await context.buckets.ofOwner(account.id, '', 1);
      if (owned.length > 0) return { rejected: 'account-owns-buckets' };
      const outcome = await run(account.id, { type: 'RemoveAccount' });
      if (isRejected(outcome)) return outcome;
      await keys.destroy(account.id);
      return undefined;
    },

    async createKey(name) {
      const account = context.accounts.byName(name);
      return account ? createKeyFor(account.id) : { rejected: 'no-such-account' };
    },

    async revokeKey(accessKeyId) {
      const key = context.accounts.accessKey(accessKeyId);
      const account = key && context.accounts.get(key.accountId);
      if (!account) return { rejected: 'no-such-key' };
      if (account.accessKeys.length === 1 && (await isLastAdmin(account))) return { rejected: 'last-admin' };
      const outcome = await run(account.id, { type: 'RevokeAccessKey', accessKeyId });
      return isRejected(outcome) ? outcome : undefined;
    },
  };
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
