// Owns the proof that a backup kept in the cloud by restic is whole: it checks, restores to the same bytes,
// and forgetting a snapshot takes nothing from the other.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hashTree, makeLargeFile, makeTree, runEngine } from '#tests/support/engine.ts';
import { temporaryDirectory } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

let strata: StrataProcess;
let directory: string;

test.before(async () => {
  directory = temporaryDirectory();
  strata = await StrataProcess.start();
});

test.after.always(async () => {
  await strata?.remove();
  rmSync(directory, { recursive: true, force: true });
});

function restic(...args: string[]): Promise<string> {
  return runEngine('restic', ['--no-cache', ...args], {
    RESTIC_REPOSITORY: `s3:${strata.endpoint}/backups/of the house`,
    RESTIC_PASSWORD: 'a password for a test',
    AWS_ACCESS_KEY_ID: strata.credentials.accessKey,
    AWS_SECRET_ACCESS_KEY: strata.credentials.secretKey,
  });
}

test('restic makes and checks two backups, and the second survives forgetting the first', async (t) => {
  const house = join(directory, 'house');
  mkdirSync(house);
  makeTree(house);
  await restic('init');
  await restic('backup', house);
  rmSync(join(house, 'folders'), { recursive: true });
  await makeLargeFile(join(house, 'large'));
  const before = await hashTree(house);
  await restic('backup', house);
  await restic('check', '--read-data');
  await restic('forget', '--keep-last', '1', '--prune');
  await restic('check', '--read-data');
  await strata.stop();
  await strata.restart();
  const restored = join(directory, 'restored');
  await restic('restore', 'latest', '--target', restored);
  t.deepEqual(await hashTree(join(restored, house)), before);
});
