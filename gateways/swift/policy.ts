// Owns who may do what: one row for each operation. No operation runs before its row was judged
// (dispatch.ts), and policy.test.ts calls each as one who may not.

import type { Role } from '#services/permissions.ts';

export interface Need {
  /** Nobody need log in. */
  readonly public?: true;
  /** The least role that a token for the account's project must have. A service's administrator has all. */
  readonly role?: Role;
  /** Whoever the container's list of readers, or of writers, has may too. */
  readonly acl?: 'read' | 'write';
  /** Of readers without a token: only where the list says `.rlistings`. */
  readonly lists?: true;
  /** Whoever has a signed URL for it may too (temp-url.ts). */
  readonly signed?: true;
}

const PUBLIC: Need = { public: true };
const READ_ACCOUNT: Need = { role: 'reader' };
const CHANGE_ACCOUNT: Need = { role: 'member' };
const READ_CONTAINER: Need = { role: 'reader', acl: 'read', lists: true };
const CHANGE_CONTAINER: Need = { role: 'member' };
const READ_OBJECT: Need = { role: 'reader', acl: 'read', signed: true };
const READ_PAGE: Need = { role: 'reader', acl: 'read' };
const CHANGE_OBJECT: Need = { role: 'member', acl: 'write', signed: true };

export const POLICY = {
  show_info: PUBLIC,
  /** By name and password. */
  log_in: PUBLIC,

  show_account: READ_ACCOUNT,
  list_containers: READ_ACCOUNT,
  update_account: CHANGE_ACCOUNT,
  /** Each object, and each container, is judged by its own row. */
  delete_many: CHANGE_ACCOUNT,
  /** All that is in it lies in the account. */
  extract_archive: CHANGE_ACCOUNT,

  show_container: READ_CONTAINER,
  list_objects: READ_CONTAINER,
  create_container: CHANGE_CONTAINER,
  update_container: CHANGE_CONTAINER,
  delete_container: CHANGE_CONTAINER,

  get_object: READ_OBJECT,
  head_object: READ_OBJECT,
  /** Where it is a copy, what it is made from is judged by the row of get_object. */
  put_object: CHANGE_OBJECT,
  update_object: CHANGE_OBJECT,
  delete_object: CHANGE_OBJECT,
  /** What it makes is judged by the row of put_object. */
  copy_object: READ_OBJECT,
  /** Judged file by file, by the signature in the form alone (operations/form-post.ts). */
  post_form: PUBLIC,
  /** A listing is judged by the row of list_objects besides. */
  serve_page: READ_PAGE,
  /** Tells whether another request may be made, which is judged by its own row. */
  preflight: PUBLIC,
} as const satisfies Readonly<Record<string, Need>>;

export type OperationName = keyof typeof POLICY;
