// Owns the command line: which commands there are, their options, and how they end.

import { Command, InvalidArgumentError } from 'commander';
import { addClusterCommands } from './cluster-commands.ts';
import { explain } from './failure.ts';
import { addLogCommands } from './log-commands.ts';
import { programVersion } from './program-version.ts';
import { addUserCommands } from './user-commands.ts';

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError('A port is 0 to 65535.');
  return number;
}

const withData = (command: Command) =>
  command.option('--data <directory>', 'where everything is kept', './data');

function strata(): Command {
  const program = new Command('strata')
    .description('One event-sourced, storage-first cloud.')
    .version(programVersion())
    .showHelpAfterError('(--help tells more)');
  withData(program.command('up').description('run the whole cloud in this process'))
    .option('--json', 'print one JSON line on stdout once it serves')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--s3-port <port>', 'S3; 0 for any free port', port, 9000)
    .option('--admin-port <port>', '/healthz and /metrics; 0 for any free port', port, 9090)
    .option('--region <name>', 'region that clients sign for', 'us-east-1')
    .option('--s3-domain <name>', 'domain whose subdomains are buckets')
    .action(async (options) => {
      const { up } = await import('./up.ts');
      await up(options);
    });
  addUserCommands(program, withData);
  addLogCommands(program, withData);
  addClusterCommands(program, withData);
  return program;
}

try {
  await strata().parseAsync();
} catch (error) {
  process.stderr.write(`strata: ${explain(error)}\n`);
  process.exitCode = 1;
}
