// Owns which function carries out which operation. A row of policy.ts does not compile until it has one.

import type { SwiftCall } from '../call.ts';
import { preflight } from '../cross-origin.ts';
import type { OperationName } from '../policy.ts';
import { listContainers, showAccount, updateAccount } from './accounts.ts';
import { createContainer, deleteContainer, showContainer, updateContainer } from './containers.ts';
import { copyObject } from './copy-object.ts';
import { deleteMany } from './delete-many.ts';
import { extractArchive } from './extract-archive.ts';
import { postForm } from './form-post.ts';
import { logIn, showInfo } from './info.ts';
import { listObjects } from './list-objects.ts';
import { readObject } from './read-object.ts';
import { servePage } from './static-web.ts';
import { deleteObject, putObject, updateObject } from './write-object.ts';

/** Answers the call, or throws what dispatch answers as an error. */
type Operation = (call: SwiftCall) => Promise<void>;

export const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  show_info: showInfo,
  log_in: logIn,
  show_account: showAccount,
  list_containers: listContainers,
  update_account: updateAccount,
  delete_many: deleteMany,
  extract_archive: extractArchive,
  show_container: showContainer,
  list_objects: listObjects,
  create_container: createContainer,
  update_container: updateContainer,
  delete_container: deleteContainer,
  get_object: readObject,
  head_object: readObject,
  put_object: putObject,
  update_object: updateObject,
  delete_object: deleteObject,
  copy_object: copyObject,
  post_form: postForm,
  preflight,
  serve_page: servePage,
};
