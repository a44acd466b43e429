// Owns `strata user` and `strata key`: accounts and their access keys. A secret is printed once, on stdout,
// to whoever asked for it, and nowhere else.

import type { Command } from 'commander';
import type { AccountRole, ListedAccount, NewAccessKey } from '#services/account-admin.ts';
import { accepted, CommandFailed } from './failure.ts';
import { printed } from './output.ts';
import { type DataOptions, withOperations } from './with-operations.ts';

interface OutputOptions extends DataOptions {
  readonly json?: boolean;
}

interface AddOptions extends OutputOptions {
  readonly email?: string;
  readonly role: string;
}

export function addUserCommands(program: Command, withData: (command: Command) => Command): void {
  const user = program.command('user').description('who may call the cloud');
  withData(user.command('add <name>').description('make a user with a first access key'))
    .option('--email <address>', 'shown in listings')
    .option('--role <role>', 'member or admin', 'member')
    .option('--json', 'print JSON')
    .action(addUser);
  withData(user.command('list').description('all users and their access keys'))
    .option('--json', 'print JSON')
    .action(listUsers);
  withData(user.command('remove <name>').description('remove a user who owns no bucket')).action(removeUser);
  const key = program.command('key').description('access keys of users');
  withData(key.command('create <user>').description('make another access key'))
    .option('--json', 'print JSON')
    .action(createKey);
  withData(key.command('revoke <access-key-id>').description('from now on the key opens nothing')).action(
    revokeKey,
  );
}

async function addUser(name: string, options: AddOptions): Promise<void> {
  const { role, email } = options;
  if (!isRole(role)) throw new CommandFailed(`${role} is no role: a user is member or admin.`);
  await withOperations(options, async (operations) => {
    const made = accepted(await operations.addAccount(name, { role, ...(email && { email }) }), name);
    const lines = [
      `user          ${name} (${made.accountId})`,
      `canonical id  ${made.canonicalId}`,
      ...(email ? [`e-mail        ${email}`] : []),
    ];
    printed(options, { name, ...(email && { email }), ...made }, [...lines, ...keyLines(made)]);
  });
}

const isRole = (text: string): text is AccountRole => text === 'member' || text === 'admin';

async function listUsers(options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const users = await operations.listAccounts();
    printed(options, users, users.map(userLine));
  });
}

function userLine(user: ListedAccount): string {
  const since = new Date(user.createdMs).toISOString().slice(0, 10);
  return [user.name.padEnd(20), user.role.padEnd(7), since, user.accessKeyIds.join(' ')].join('  ').trimEnd();
}

async function removeUser(name: string, options: DataOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    accepted(await operations.removeAccount(name), name);
  });
}

async function createKey(name: string, options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const made = accepted(await operations.createKey(name), name);
    printed(options, made, keyLines(made));
  });
}

async function revokeKey(accessKeyId: string, options: DataOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    accepted(await operations.revokeKey(accessKeyId), accessKeyId);
  });
}

function keyLines(key: NewAccessKey): string[] {
  return [`access key    ${key.accessKeyId}`, `secret key    ${key.secretAccessKey}   (shown this once)`];
}
