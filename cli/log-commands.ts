// Owns `strata log` and `strata replay`: reading the log, proving and copying it, rebuilding a read model.
// The log is read from its files, whether or not a cloud is writing them; nothing is changed or locked by
// that.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { families } from '#core/families.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { backUpLog } from '#core/log/embedded/backup.ts';
import { openForReading } from '#core/log/embedded/read-only-log.ts';
import { verifyLog } from '#core/log/embedded/verify.ts';
import { accepted, CommandFailed } from './failure.ts';
import { withProgressBar } from './progress-bar.ts';
import { readableEvent } from './readable-event.ts';
import { type DataOptions, dataDirectoryOf, withOperations } from './with-operations.ts';

interface TailOptions extends DataOptions {
  readonly follow?: boolean;
  readonly category?: readonly string[];
}

export function addLogCommands(program: Command, withData: (command: Command) => Command): void {
  const log = program.command('log').description('the log: the only truth for state');
  withData(log.command('verify').description('check every checksum and the hash chain')).action(verify);
  withData(
    log
      .command('backup <directory>')
      .description('copy the log, beside the running cloud; again: only what is new'),
  ).action(backUp);
  withData(log.command('tail').description('the events as JSON lines; secrets stay sealed'))
    .option('-f, --follow', 'go on with what is appended from now on')
    .option('--category <family...>', `only these families: ${Object.keys(families).join(', ')}`)
    .action(tailLog);
  withData(
    program
      .command('replay <projection>')
      .description('rebuild a read model and compare it with the running one'),
  ).action(replay);
}

async function verify(options: DataOptions): Promise<void> {
  const directory = logOf(options);
  const found = await withProgressBar('verify', (report) =>
    verifyLog({ directory, report: (done, total) => report({ done, total }) }),
  );
  const { events, bytes, segments, lastHash } = found;
  process.stdout.write(
    `The log is whole: ${events} events, ${bytes} bytes, ${segments} segments; last hash ${lastHash}.\n`,
  );
}

async function backUp(target: string, options: DataOptions): Promise<void> {
  const from = logOf(options);
  if (!existsSync(join(from, FIRST_SEGMENT))) {
    throw new CommandFailed(`There is no embedded log in ${from}; a broker backs up its own.`);
  }
  const to = join(resolve(target), 'log');
  const { events, segments, copiedBytes, lastHash } = await withProgressBar('backup', (report) =>
    backUpLog({ from, to, report: (done, total) => report({ done, total }) }),
  );
  process.stdout.write(
    `The copy is whole: ${events} events, ${segments} segments; last hash ${lastHash}.\n` +
      `${copiedBytes} bytes were copied.\n`,
  );
}

const FIRST_SEGMENT = '0000000001.segment';

const logOf = (options: DataOptions) => join(dataDirectoryOf(options), 'log');

async function tailLog(options: TailOptions): Promise<void> {
  const categories = options.category ?? [];
  for (const category of categories) {
    if (!Object.hasOwn(families, category)) throw new CommandFailed(`There is no family ${category}.`);
  }
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // Whoever reads us may have had enough, as `head` has.
  process.stdout.once('error', stop);
  const { signal } = stopped;
  const log = await openForReading(logOf(options), systemClock);
  try {
    const wanted = { from: [], signal, ...(categories.length > 0 && { categories }) };
    for await (const events of options.follow ? log.follow(wanted) : log.replay(wanted)) {
      const lines = events.map((event) => `${JSON.stringify(readableEvent(event))}\n`).join('');
      if (!process.stdout.write(lines)) await drained(signal);
      if (signal.aborted) return;
    }
  } finally {
    await log.close();
  }
}

function drained(stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      process.stdout.off('drain', done);
      stopped.removeEventListener('abort', done);
      resolve();
    };
    process.stdout.once('drain', done);
    stopped.addEventListener('abort', done);
  });
}

async function replay(projection: string, options: DataOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const outcome = await withProgressBar('replay', (report) => operations.replay(projection, report));
    const { events, rows, equal, firstDifference } = accepted(outcome, projection);
    const verdict = equal
      ? `it equals the running one byte for byte`
      : `it DIFFERS from the running one: there ${firstDifference?.key} is ${firstDifference?.running}`;
    process.stdout.write(`${projection}: rebuilt from ${events} events, ${rows} rows; ${verdict}.\n`);
    if (!equal) process.exitCode = 1;
  });
}
