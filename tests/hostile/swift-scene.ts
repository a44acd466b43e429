// Owns what an attack on Swift finds, and the proof that what was not the attacker's is as it was.

import { KEYS, PROBED, SENTINEL } from './swift-dialect.ts';

export interface Account {
  /** `http://…/object-store/v1/AUTH_…` */
  readonly url: string;
  readonly token: string;
}

const SENTINELS = 16;

async function call({ url, token }: Account, method: string, path: string, body?: string): Promise<string> {
  const headers = { 'X-Auth-Token': token };
  const answer = await fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
  const text = await answer.text();
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

export async function setScene(attacker: Account, other: Account): Promise<void> {
  await call(other, 'PUT', '/sentinel');
  for (let index = 0; index < SENTINELS; index++) {
    await call(other, 'PUT', `/sentinel/s${index}`, `${SENTINEL}: ${index}`);
  }
  for (const container of ['hostile', 'probed', 'segments']) await call(attacker, 'PUT', `/${container}`);
  await call(attacker, 'PUT', '/probed/p', PROBED);
  for (const segment of ['s1', 's2']) await call(attacker, 'PUT', `/segments/${segment}`, 'segment');
  for (let index = 0; index < KEYS; index++) {
    await call(attacker, 'PUT', `/hostile/k${index}`, `content ${index}`);
  }
}

/** What was changed of what is not the attacker's. */
export async function changesOf(other: Account): Promise<string[]> {
  const changes: string[] = [];
  const containers = (await call(other, 'GET', '')).trim();
  if (containers !== 'sentinel') changes.push(`the containers are ${containers}`);
  const keys = (await call(other, 'GET', '/sentinel')).trim().split('\n');
  const wanted = Array.from({ length: SENTINELS }, (_, index) => `s${index}`);
  if (keys.join(' ') !== wanted.sort().join(' ')) changes.push(`the objects are ${keys.join(' ')}`);
  for (const key of keys) {
    const content = await call(other, 'GET', `/sentinel/${key}`);
    if (content !== `${SENTINEL}: ${key.slice(1)}`) changes.push(`${key} is ${content}`);
  }
  return changes;
}
