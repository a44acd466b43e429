// Owns the administrator's credentials file: made at the first start, mode 600, never logged.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRejected } from '#core/kernel/decider.ts';
import type { Random } from '#core/kernel/random.ts';
import type { AccountService } from '#services/accounts.service.ts';
import { writeDurably } from './write-durably.ts';

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly adminPassword: string;
}

/** What the operator wants them to be; from the environment, since a command line can be read by others. */
export type GivenCredentials = { readonly [Name in keyof Credentials]?: string | undefined };

export interface ObtainedCredentials {
  readonly file: string;
  readonly credentials: Credentials;
  /** Whether there was no file before. */
  readonly fresh: boolean;
  /** Resolves when the administrator can log in: hashing takes its time, and the rest need not wait. */
  readonly canLogIn: Promise<void>;
}

const ADMINISTRATOR = 'admin';

export function givenCredentials(environment: NodeJS.ProcessEnv): GivenCredentials {
  return {
    accessKey: environment.STRATA_ACCESS_KEY || undefined,
    secretKey: environment.STRATA_SECRET_KEY || undefined,
    adminPassword: environment.STRATA_ADMIN_PASSWORD || undefined,
  };
}

/**
 * The administrator's key and file as they are, changed only where the operator gave something else.
 * Undefined where other gateways have made the administrator, and this one was never told its key.
 */
export async function obtainCredentials(
  directory: string,
  accounts: AccountService,
  random: Random,
  given: GivenCredentials,
  areShared: boolean,
): Promise<ObtainedCredentials | undefined> {
  const file = join(directory, 'credentials.json');
  const known = readCredentials(file);
  if (areShared && !known && given.accessKey === undefined) {
    const others = await accounts.listAccounts();
    const made = others.find(({ name }) => name === ADMINISTRATOR);
    if (made && made.accessKeyIds.length > 0) return undefined;
  }
  const accessKeyId = given.accessKey ?? known?.accessKey;
  const key = await accounts.obtainAdministrator(ADMINISTRATOR, {
    accessKeyId,
    secretAccessKey: given.secretKey ?? (accessKeyId === known?.accessKey ? known?.secretKey : undefined),
  });
  if (isRejected(key)) throw new Error(`the administrator's access key cannot be used: ${key.rejected}`);
  const credentials: Credentials = {
    accessKey: key.accessKeyId,
    secretKey: key.secretAccessKey,
    adminPassword:
      given.adminPassword ?? known?.adminPassword ?? random.fill(Buffer.alloc(18)).toString('base64url'),
  };
  const { adminPassword } = credentials;
  const isFirst = !accounts.hasPassword(ADMINISTRATOR);
  // Whoever changed the password since keeps the new one, unless the operator gave another.
  const isOther = isFirst || adminPassword !== known?.adminPassword;
  const source = given.adminPassword === undefined && !known ? 'drawn' : 'chosen';
  const canLogIn = isOther ? setPassword(accounts, adminPassword, source) : Promise.resolve();
  // Told again to whoever waits for it.
  canLogIn.catch(() => undefined);
  // The file may name a first password before it is set, since the next start sets what there is none of.
  if (!isFirst) await canLogIn;
  const changed = JSON.stringify(credentials) !== JSON.stringify(known);
  if (changed) writeDurably(file, `${JSON.stringify(credentials, undefined, 2)}\n`);
  return { file, credentials, fresh: known === undefined, canLogIn };
}

async function setPassword(
  accounts: AccountService,
  password: string,
  source: 'chosen' | 'drawn',
): Promise<void> {
  const refused = await accounts.setPassword(ADMINISTRATOR, password, source);
  if (refused) throw new Error(`the administrator's password cannot be set: ${refused.rejected}`);
}

function readCredentials(file: string): Credentials | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { accessKey, secretKey, adminPassword } = JSON.parse(text) as Partial<Credentials>;
  if (!accessKey || !secretKey || !adminPassword) {
    throw new Error(`${file} lacks accessKey, secretKey or adminPassword; remove it to have it made again`);
  }
  return { accessKey, secretKey, adminPassword };
}
