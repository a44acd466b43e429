// Owns the one test that every file-moving client has to pass: a tree of odd names and one large file go up,
// come down into another directory, and are the same by hash; what is deleted at the source is deleted by a
// second sync.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { TestFn } from 'ava';
import { hashOf, hashTree, LARGE_BYTES, makeLargeFile, makeTree } from './engine.ts';
import { temporaryDirectory } from './program-process.ts';
import { StrataProcess } from './strata-process.ts';

/** How one client does it. Paths of the cloud are `bucket/key`. */
export interface Engine {
  /** Given once the cloud runs. */
  setUp(strata: StrataProcess, directory: string): void;
  /** Makes `bucket/` hold exactly what is in the directory. */
  syncUp(directory: string, target: string): Promise<unknown>;
  syncDown(source: string, directory: string): Promise<unknown>;
  copyUp(file: string, target: string): Promise<unknown>;
  copyDown(source: string, file: string): Promise<unknown>;
}

export function engineRoundTrip(test: TestFn, engine: Engine): void {
  let strata: StrataProcess;
  let directory: string;

  test.before(async () => {
    directory = temporaryDirectory();
    strata = await StrataProcess.start();
    engine.setUp(strata, directory);
  });

  test.after.always(async () => {
    await strata?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const keys = async (bucket: string) => {
    const { Contents = [] } = await strata.client().send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => Key);
  };

  test.serial('a tree of 500 files with odd names goes up and comes down the same', async (t) => {
    const [up, down] = [join(directory, 'up'), join(directory, 'down')];
    mkdirSync(down);
    makeTree(up);
    const before = await hashTree(up);
    await strata.client().send(new CreateBucketCommand({ Bucket: 'tree' }));
    await engine.syncUp(up, 'tree');
    t.deepEqual((await keys('tree')).sort(), Object.keys(before).sort());
    await engine.syncDown('tree', down);
    t.deepEqual(await hashTree(down), before);
  });

  test.serial('a second sync takes away in the cloud what was taken away here', async (t) => {
    const up = join(directory, 'up');
    rmSync(join(up, 'folders'), { recursive: true });
    rmSync(join(up, readdirSync(up).find((name) => name.startsWith('plus')) ?? ''));
    await engine.syncUp(up, 'tree');
    t.deepEqual((await keys('tree')).sort(), Object.keys(await hashTree(up)).sort());
  });

  test.serial('one file of 300 MB goes up and comes down the same', async (t) => {
    const [up, down] = [join(directory, 'large'), join(directory, 'large-again')];
    await makeLargeFile(up);
    await strata.client().send(new CreateBucketCommand({ Bucket: 'large' }));
    await engine.copyUp(up, 'large/one large file');
    const { Contents } = await strata.client().send(new ListObjectsV2Command({ Bucket: 'large' }));
    t.is(Contents?.[0]?.Size, LARGE_BYTES);
    await engine.copyDown('large/one large file', down);
    t.is(await hashOf(down), await hashOf(up));
  });
}
