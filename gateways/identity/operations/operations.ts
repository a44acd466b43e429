// Owns the list of all operations. It does not compile where one lacks its row in policy.ts, or a row its
// operation.

import type { Operation } from '../call.ts';
import type { OperationName } from '../policy.ts';
import { assignmentOperations } from './assignments.ts';
import { catalogOperations } from './catalog.ts';
import { credentialOperations } from './credentials.ts';
import { directoryOperations } from './directory.ts';
import { ec2TokenOperations } from './ec2-tokens.ts';
import { federationOperations } from './federation.ts';
import { grantOperations } from './grants.ts';
import { limitOperations } from './limits.ts';
import { projectOperations } from './projects.ts';
import { roleOperations } from './roles.ts';
import { tokenOperations } from './tokens.ts';
import { trustOperations } from './trusts.ts';
import { userCredentialOperations } from './user-credentials.ts';
import { userOperations } from './users.ts';

const all = {
  ...tokenOperations,
  ...ec2TokenOperations,
  ...directoryOperations,
  ...projectOperations,
  ...userOperations,
  ...roleOperations,
  ...grantOperations,
  ...assignmentOperations,
  ...credentialOperations,
  ...userCredentialOperations,
  ...trustOperations,
  ...federationOperations,
  ...catalogOperations,
  ...limitOperations,
};

/** An operation without a row would make this type something else than `never`. */
type WithoutRow = Exclude<keyof typeof all, OperationName>;

export const OPERATIONS: Readonly<Record<OperationName, Operation>> & Readonly<Record<WithoutRow, never>> =
  all;
