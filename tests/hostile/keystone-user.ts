// Owns the making of a Keystone user with a project of its own, over the API of a running program.

import type { AccessKey } from '#tests/support/signed-requests.ts';

interface Login {
  readonly name: string;
  readonly password: string;
  readonly projectId?: string;
}

export class KeystoneUser implements AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token: string;
  readonly userId: string;
  readonly projectId: string;

  private constructor(
    parts: Pick<KeystoneUser, 'token' | 'userId' | 'projectId'>,
    access: string,
    secret: string,
  ) {
    this.token = parts.token;
    this.userId = parts.userId;
    this.projectId = parts.projectId;
    this.accessKeyId = access;
    this.secretAccessKey = secret;
  }

  /** @param endpoint `http://…/identity/v3` */
  static async make(endpoint: string, adminPassword: string, name: string): Promise<KeystoneUser> {
    const admin = await login(endpoint, { name: 'admin', password: adminPassword });
    const password = `the password of ${name}`;
    const make = async (path: string, kind: string, body: object) =>
      (await call(endpoint, 'POST', path, admin, { [kind]: body })).document[kind].id as string;
    const projectId = await make('/projects', 'project', { name: `project of ${name}` });
    const userId = await make('/users', 'user', { name, password });
    const [role] = (await call(endpoint, 'GET', '/roles?name=member', admin)).document.roles;
    await call(endpoint, 'PUT', `/projects/${projectId}/users/${userId}/roles/${role.id}`, admin);
    const token = await login(endpoint, { name, password, projectId });
    const credentials = await call(endpoint, 'POST', `/users/${userId}/credentials/OS-EC2`, token, {
      tenant_id: projectId,
    });
    const { access, secret } = credentials.document.credential;
    return new KeystoneUser({ token, userId, projectId }, access, secret);
  }
}

async function call(
  endpoint: string,
  method: string,
  path: string,
  token: string | undefined,
  body?: object,
) {
  const answer = await fetch(`${endpoint}${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token !== undefined && { 'X-Auth-Token': token }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return { headers: answer.headers, document: text === '' ? {} : JSON.parse(text) };
}

async function login(endpoint: string, { name, password, projectId }: Login): Promise<string> {
  const identity = {
    methods: ['password'],
    password: { user: { name, password, domain: { id: 'default' } } },
  };
  const project = projectId === undefined ? { name: 'admin', domain: { id: 'default' } } : { id: projectId };
  const body = { auth: { identity, scope: { project } } };
  const { headers } = await call(endpoint, 'POST', '/auth/tokens', undefined, body);
  return headers.get('x-subject-token') ?? '';
}
