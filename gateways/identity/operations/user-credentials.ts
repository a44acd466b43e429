// Owns the operations of credentials of any type (seeds of one-time passwords, certificates, whatever a
// client wants to keep): a secret each, sealed under its user's key. EC2 credentials are shown among them,
// and made by operations of their own.

import { limits } from '#core/kernel/limits.ts';
import type { StoredCredential } from '#projections/identity-by-id/identity-by-id.query.ts';
import { fromBase32 } from '#services/identity/one-time-passwords.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { listAnswer, pageOf } from '../documents.ts';
import { badRequest, forbidden, IdentityError } from '../errors.ts';

async function documentOf(call: IdentityCall, credential: StoredCredential) {
  const { id, userId, kind, projectId } = credential;
  const blob = (await call.gateway.identity.users.credentialBlob(credential)) ?? null;
  const links = { self: `${call.base}/credentials/${id}` };
  return { id, user_id: userId, project_id: projectId || null, type: kind, blob, links };
}

function credentialOf(call: IdentityCall): StoredCredential {
  const id = param(call, 'credential_id');
  return found(viewOf(call).credential(id), 'credential', id);
}

const facts = (call: IdentityCall) => ({
  userId: viewOf(call).credential(param(call, 'credential_id'))?.userId,
});

/** Whoever may see all asks for all; everybody else for their own. */
function listedUser(call: IdentityCall): string | undefined {
  const { isCloudAdmin, scope, user } = callerOf(call);
  return call.query.get('user_id') ?? (isCloudAdmin || scope?.kind === 'system' ? undefined : user.id);
}

async function list(call: IdentityCall): Promise<Answer> {
  const userId = listedUser(call);
  const kind = call.query.get('type');
  const { after, entries } = pageOf(call);
  const isWanted = (each: StoredCredential) =>
    (userId === undefined || each.userId === userId) && (kind === undefined || each.kind === kind);
  const stored = await viewOf(call).credentials(entries + 1, isWanted, after);
  const documents: object[] = [];
  for (const credential of stored) documents.push(await documentOf(call, credential));
  return listAnswer(call, 'credentials', documents);
}

/** What it is to hold after the change. @throws IdentityError 400, 501 */
function credentialFrom(
  fields: Fields,
  before?: Omit<StoredCredential, 'sealedBlob'> & { readonly blob: string },
) {
  const kind = fields.has('type') || !before ? fields.name('type') : before.kind;
  const blob = fields.has('blob') || !before ? fields.text('blob') : before.blob;
  const projectId = fields.optionalText('project_id') ?? before?.projectId ?? '';
  if (kind === 'ec2') {
    // Their ids are drawn, lest one took another's.
    throw new IdentityError(501, 'EC2 credentials are made by /v3/users/{user_id}/credentials/OS-EC2.');
  }
  if (Buffer.byteLength(blob) > limits.credentialBlobBytes) {
    throw badRequest(`A blob has at most ${limits.credentialBlobBytes} bytes.`);
  }
  if (kind === 'totp' && !fromBase32(blob)?.length) {
    throw badRequest("Invalid input for field 'blob': a seed of one-time passwords is written in base32");
  }
  return { kind, blob, projectId };
}

async function create(call: IdentityCall): Promise<Answer> {
  const fields = await bodyOf(call, 'credential');
  const { user: caller, isCloudAdmin } = callerOf(call);
  const userId = fields.optionalText('user_id') || caller.id;
  if (userId !== caller.id && !isCloudAdmin) throw forbidden(call.operation);
  found(viewOf(call).get('user', userId), 'user', userId);
  const { users } = call.gateway.identity;
  const id = accept(await users.createCredential(actorOf(call), userId, credentialFrom(fields)));
  const credential = found(viewOf(call).credential(id), 'credential', id);
  return created({ credential: await documentOf(call, credential) });
}

async function update(call: IdentityCall): Promise<Answer> {
  const stored = credentialOf(call);
  if (stored.accessKeyId !== undefined) throw forbidden(call.operation);
  const fields = await bodyOf(call, 'credential');
  const { users } = call.gateway.identity;
  // Whose it is stays: otherwise one could make another's.
  if ((fields.optionalText('user_id') || stored.userId) !== stored.userId) throw forbidden(call.operation);
  const blob = (await users.credentialBlob(stored)) ?? '';
  const changed = { credentialId: stored.id, ...credentialFrom(fields, { ...stored, blob }) };
  accept(await users.changeCredential(actorOf(call), stored.userId, changed));
  return ok({ credential: await documentOf(call, credentialOf(call)) });
}

const PATH = '/v3/credentials';
const ONE = `${PATH}/:credential_id`;

export const userCredentialOperations = {
  list_credentials: {
    ...{ method: 'GET', path: PATH },
    facts: (call) => ({ userId: listedUser(call) }),
    run: list,
  },
  create_credential: { method: 'POST', path: PATH, run: create },
  get_credential: {
    ...{ method: 'GET', path: ONE },
    facts,
    run: async (call) => ok({ credential: await documentOf(call, credentialOf(call)) }),
  },
  update_credential: { method: 'PATCH', path: ONE, facts, run: update },
  delete_credential: {
    ...{ method: 'DELETE', path: ONE },
    facts,
    async run(call) {
      const { id, userId, accessKeyId } = credentialOf(call);
      const { users } = call.gateway.identity;
      const actor = actorOf(call);
      const deleted =
        accessKeyId === undefined
          ? users.deleteCredential(actor, userId, id)
          : users.deleteEc2Credential(actor, userId, accessKeyId);
      accept(await deleted);
      return NO_CONTENT;
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
