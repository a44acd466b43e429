// Owns the choice between the two sides of Operations: the running program where there is one, otherwise the
// cloud opened in this process for as long as the one command takes.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { connectControl } from './control-client.ts';
import { CommandFailed } from './failure.ts';
import type { Operations } from './operations.ts';

export interface DataOptions {
  readonly data: string;
}

/** The data directory as an absolute path. @throws CommandFailed where there is no cloud */
export function dataDirectoryOf(options: DataOptions): string {
  const directory = resolve(options.data);
  if (existsSync(directory)) return directory;
  throw new CommandFailed(`There is no cloud in ${directory}; strata up makes one.`);
}

/** @throws CommandFailed where there is no cloud, Fault `locked` where one is just starting or stopping. */
export async function withOperations<Result>(
  options: DataOptions,
  use: (operations: Operations) => Promise<Result>,
): Promise<Result> {
  const directory = dataDirectoryOf(options);
  const running = await connectControl(directory);
  if (running) return use(running);
  // A command beside a running cloud need not wait until all of it is loaded.
  const [{ openCloud }, { cloudOperations }, { default: pino }] = await Promise.all([
    import('./compose.ts'),
    import('./cloud-operations.ts'),
    import('pino'),
  ]);
  const open = await openCloud({
    directory,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true })),
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
