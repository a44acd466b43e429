// Owns how a command says no: one sentence on stderr and the exit code 1. A stack is for bugs alone.

import { Bug } from '#core/kernel/assert.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import type { AccountAdminRejection } from '#services/account-admin.ts';
import type { BucketRejection } from '#services/cloud.ts';
import type { RingRejection } from './operations.ts';

/** What a command gives up with, already worded for the person who typed it. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

type OperationRejection = AccountAdminRejection | RingRejection | BucketRejection | 'no-such-projection';

const SENTENCES: Readonly<Record<OperationRejection, (subject: string) => string>> = {
  'account-exists': (name) => `There is already a user ${name}.`,
  'no-such-account': (name) => `There is no user ${name}.`,
  'no-such-key': (key) => `There is no access key ${key}.`,
  'key-exists': (name) => `The access key given for ${name} is already another user's.`,
  'too-many-keys': (name) => `User ${name} has as many access keys as a user may have; revoke one first.`,
  'invalid-name': (name) =>
    `${name} cannot be a user's name: use letters, digits and . _ @ -, a letter or digit first.`,
  'account-owns-buckets': (name) => `User ${name} still owns buckets; delete them first.`,
  'last-admin': () => 'That would leave the cloud without an administrator who can call it.',
  'ring-exists': () => 'The cluster has a ring already.',
  'ring-absent': () => 'The cluster has no ring yet.',
  'ring-shape-invalid': () => 'A ring cannot have that shape.',
  'ring-too-large': () => 'The ring would not fit into an event.',
  'device-absent': (name) => `There is no device ${name}.`,
  'device-invalid': (name) => `${name} cannot be the name of a node or a zone.`,
  'device-limit': () => 'The cluster has had as many devices as it may have.',
  'node-in-other-zone': (name) => `Node ${name} lies in another zone; a node never changes its zone.`,
  'weight-invalid': () => 'A weight is a number from 0 to 4294967, with at most three decimals.',
  'no-devices': () => 'No device has a weight above 0.',
  'node-absent': (name) =>
    `There is no node ${name} in the cluster; strata storage-node --name ${name} joins one.`,
  'node-holds-data': (name) =>
    `The ring places data on ${name}: strata ring set-weight ${name} 0 moves it away first, ` +
    '--gone gives the node up for lost.',
  'node-name-taken': (name) => `Node ${name} is known with other disks.`,
  'disk-of-other-node': (name) => `A disk of ${name} belongs to another node.`,
  'disk-retired': (name) => `A disk of ${name} has been removed from the cluster.`,
  'zone-missing': (name) => `${name} needs a zone: --zone says in which it lies.`,
  'access-denied': (name) => `Bucket ${name} is not to be changed.`,
  'no-such-bucket': (name) => `There is no bucket ${name}.`,
  'bucket-exists': (name) => `There is a bucket ${name} already.`,
  'bucket-owned-by-caller': (name) => `There is a bucket ${name} already.`,
  'bucket-not-empty': (name) => `Bucket ${name} is not empty.`,
  'too-many-buckets': () => 'There are as many buckets as there may be.',
  'bucket-state': (name) => `Bucket ${name} cannot be changed in that way.`,
  'operation-in-progress': (name) => `Bucket ${name} is being deleted.`,
  'no-such-projection': (name) => `There is no read model ${name}.`,
};

/** The value of an outcome. @throws CommandFailed when it was rejected. */
export function accepted<Value>(
  outcome: Value,
  subject: string,
): Exclude<Value, Rejection<OperationRejection>> {
  if (typeof outcome === 'object' && outcome !== null && 'rejected' in outcome) {
    throw new CommandFailed(SENTENCES[outcome.rejected as OperationRejection](subject));
  }
  return outcome as Exclude<Value, Rejection<OperationRejection>>;
}

/** One sentence for a person; for a bug its stack, since only we can do something about it. */
export function explain(error: unknown): string {
  if (error instanceof CommandFailed || isFault(error)) return error.message;
  if (error instanceof Bug) return error.stack ?? error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === 'string' && error instanceof Error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
