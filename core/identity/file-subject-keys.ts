// Owns the subject keys of one data directory: one file of 32 bytes each, mode 600, durable before anything
// is sealed.

import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '#core/kernel/errors.ts';
import type { Random } from '#core/kernel/random.ts';
import { SUBJECT_KEY_BYTES, type SubjectKeys } from './subject-keys.ts';

export function fileSubjectKeys(directory: string, random: Random): SubjectKeys {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const known = new Map<string, Uint8Array>();
  const fileOf = (subject: string) => join(directory, `${Buffer.from(subject).toString('hex')}.key`);

  const syncDirectory = () => {
    const handle = openSync(directory, 'r');
    fsyncSync(handle);
    closeSync(handle);
  };

  const find = (subject: string): Uint8Array | undefined => {
    const cached = known.get(subject);
    if (cached) return cached;
    let key: Uint8Array;
    try {
      key = readFileSync(fileOf(subject));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    if (key.length !== SUBJECT_KEY_BYTES) {
      throw new Fault(
        'corruption',
        `the key file of subject ${subject} has ${key.length} bytes instead of 32`,
      );
    }
    known.set(subject, key);
    return key;
  };

  return {
    find,
    async obtain(subject) {
      const present = find(subject);
      if (present) return present;
      const key = random.fill(Buffer.alloc(SUBJECT_KEY_BYTES));
      const temporary = `${fileOf(subject)}.new`;
      const handle = openSync(temporary, 'w', 0o600);
      writeSync(handle, key);
      fdatasyncSync(handle);
      closeSync(handle);
      renameSync(temporary, fileOf(subject));
      syncDirectory();
      known.set(subject, key);
      return key;
    },
    async destroy(subject) {
      known.delete(subject);
      rmSync(fileOf(subject), { force: true });
      syncDirectory();
    },
  };
}
