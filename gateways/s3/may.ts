// Owns the judgement of what does not come by the table of operations: each object that a page is made of,
// and what a form makes. Everything else is judged by its row, in dispatch.ts.

import type { Permission } from '#services/permissions.ts';
import type { S3Call } from './call.ts';

/** Whether who calls may do that with the object that the call names. */
export async function may(
  { gateway, caller, bucket }: S3Call,
  permission: Extract<Permission, 'read-objects' | 'write-objects'>,
): Promise<boolean> {
  return gateway.cloud.buckets.allows(caller, permission, bucket);
}
