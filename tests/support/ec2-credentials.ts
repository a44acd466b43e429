// Owns users with roles, and the EC2 credentials by which they call S3, in a cloud under test.

import { isRejected } from '#core/kernel/decider.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import type { Identity } from '#services/identity/identity.ts';
import type { AccessKey } from './signed-requests.ts';

export const OPERATOR = { user: 'operator', project: 'operator', requestId: 'test' };

export interface Ec2Credential extends AccessKey {
  readonly userId: string;
  readonly projectId: string;
}

/** What a use case gave; throws where it refused. */
export function made<Value>(outcome: Value): Exclude<Value, { rejected: string }> {
  if (isRejected(outcome as object)) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome as Exclude<Value, { rejected: string }>;
}

/** Of a new user of that name, who has the built-in role on the project. */
export async function ec2CredentialOf(
  { users, roles }: Identity,
  name: string,
  role: string,
  projectId: string,
  domainId = 'default',
): Promise<Ec2Credential> {
  const userId = made(
    await users.createUser(OPERATOR, {
      ...{ domainId, name, description: '', email: '', defaultProjectId: '' },
      ...{ enabled: true, extra: {} },
    }),
  );
  const scope = { kind: 'project', id: projectId } as const;
  const to = { kind: 'user', id: userId } as const;
  made(await roles.grant(OPERATOR, to, scope, builtInRoleId(role), false));
  const { accessKeyId, secret } = made(await users.createEc2Credential(OPERATOR, userId, projectId));
  return { userId, projectId, accessKeyId, secretAccessKey: secret };
}
