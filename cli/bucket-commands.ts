// Owns `strata bucket`: what an operator does to a bucket that its owner cannot.

import type { Command } from 'commander';
import { accepted } from './failure.ts';
import { type DataOptions, withOperations } from './with-operations.ts';

export function addBucketCommands(program: Command, withData: (command: Command) => Command): void {
  const bucket = program.command('bucket').description('buckets, as their operator sees them');
  withData(bucket.command('rotate-key <bucket>'))
    .description('encrypt under a new key; what is there is sealed anew in the background')
    .action(rotateKey);
}

async function rotateKey(bucket: string, options: DataOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    accepted(await operations.rotateKey(bucket), bucket);
  });
}
