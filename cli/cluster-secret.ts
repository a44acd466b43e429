// Owns the secret that the parts of one cluster share, and the keys that are derived from it: one for each
// use, so that what one of them leaks opens nothing else.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { CommandFailed } from './failure.ts';
import { writeDurably } from './write-durably.ts';

/** What a derived key is for. */
export type KeyUse = 'wire' | 'control' | 'subject-keys';

const KEY_BYTES = 32;

export class ClusterSecret {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** HKDF (RFC 5869) with SHA-256: 32 bytes. */
  key(use: KeyUse): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, '', `strata ${use}`, KEY_BYTES));
  }
}

/** @throws CommandFailed where there is no such file, others may read it, or it is too short to be secret. */
export function readClusterSecret(file: string): ClusterSecret {
  let secret: Buffer;
  try {
    secret = Buffer.from(readFileSync(file, 'utf8').trim());
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new CommandFailed(`Others may read the secret in ${file}; chmod 600 ${file} first.`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CommandFailed(`There is no secret in ${file}; openssl rand -hex 32 > ${file} makes one.`);
  }
  if (secret.length < limits.clusterSecretBytesMin) {
    throw new CommandFailed(`The secret in ${file} is shorter than ${limits.clusterSecretBytesMin} letters.`);
  }
  return new ClusterSecret(secret);
}

/** The secret of a cloud in one process: made at the first start, mode 600. */
export function obtainOwnSecret(directory: string, random: Random): ClusterSecret {
  const file = join(directory, 'secret');
  if (!existsSync(file)) {
    const secret = random.fill(Buffer.alloc(limits.clusterSecretBytesMin * 2)).toString('hex');
    writeDurably(file, `${secret}\n`);
  }
  return readClusterSecret(file);
}

/** Signs and judges calls of the control services: what, and when. */
export class CallSigner {
  readonly #key: Buffer;

  constructor(secret: ClusterSecret) {
    this.#key = secret.key('control');
  }

  sign(path: string, timeMs: number): string {
    return createHmac('sha256', this.#key).update(`${path}\n${timeMs}`).digest('hex');
  }

  isSigned(path: string, timeMs: number, mac: string, nowMs: number): boolean {
    if (!(Math.abs(nowMs - timeMs) <= limits.controlClockSkewMs)) return false;
    const given = Buffer.from(mac, 'hex');
    const wanted = Buffer.from(this.sign(path, timeMs), 'hex');
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}
