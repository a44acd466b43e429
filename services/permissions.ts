// Owns what each role lets its bearer do in a project, in words of no dialect: one row for each permission.
// Guarantee: a permission that is added anywhere does not compile until it has its row.

/** Each may all that the one before it may. */
export type Role = 'reader' | 'member' | 'admin';

/** What the operations of every gateway need. */
export type Permission =
  | 'list-buckets'
  | 'make-bucket'
  /** What is known of all buckets of the project together. */
  | 'describe-space'
  /** What the bucket is, and the names of what lies in it. */
  | 'read-bucket'
  | 'describe-bucket'
  | 'delete-bucket'
  | 'read-objects'
  /** To put, to delete, and uploads from their start to their end. */
  | 'write-objects';

interface Row {
  /** The least role that has it. */
  readonly role: Role;
  /** Where it is asked for: in the caller's own project, or at a bucket, which must be the project's. */
  readonly on: 'project' | 'bucket';
}

export const PERMISSIONS: Readonly<Record<Permission, Row>> = {
  'list-buckets': { role: 'reader', on: 'project' },
  'make-bucket': { role: 'member', on: 'project' },
  'describe-space': { role: 'member', on: 'project' },
  'read-bucket': { role: 'reader', on: 'bucket' },
  'describe-bucket': { role: 'member', on: 'bucket' },
  'delete-bucket': { role: 'member', on: 'bucket' },
  'read-objects': { role: 'reader', on: 'bucket' },
  'write-objects': { role: 'member', on: 'bucket' },
};

const RANKS: Readonly<Record<Role, number>> = { reader: 1, member: 2, admin: 3 };

/** Whether the role is enough; whose the bucket is, is another question. */
export function isEnough(role: Role, permission: Permission): boolean {
  return RANKS[role] >= RANKS[PERMISSIONS[permission].role];
}

/** The highest that roles of these names amount to; undefined where they open nothing. */
export function roleAmong(names: readonly string[]): Role | undefined {
  if (names.includes('admin')) return 'admin';
  if (names.includes('member') || names.includes('manager')) return 'member';
  return names.includes('reader') ? 'reader' : undefined;
}
