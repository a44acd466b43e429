// Owns the choice between the two sides of Operations: the running program where there is one, otherwise the cloud
// opened in this process for as long as the one command takes.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { destination, pino } from 'pino';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { cloudOperations } from './cloud-operations.ts';
import { openCloud } from './compose.ts';
import { connectControl } from './control-client.ts';
import { CommandFailed } from './failure.ts';
import type { Operations } from './operations.ts';

export interface DataOptions {
  readonly data: string;
}

/** @throws CommandFailed where there is no cloud, Fault `locked` where one is just starting or stopping. */
export async function withOperations<Result>(
  options: DataOptions,
  use: (operations: Operations) => Promise<Result>,
): Promise<Result> {
  const directory = resolve(options.data);
  if (!existsSync(directory)) {
    throw new CommandFailed(`There is no cloud in ${directory}; strata up makes one.`);
  }
  const running = await connectControl(directory);
  if (running) return use(running);
  const open = await openCloud({
    directory,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'warn' }, destination({ fd: 2, sync: true })),
    onFault: (error) => {
      throw error;
    },
  });
  try {
    return await use(cloudOperations(open));
  } finally {
    await open.close();
  }
}
