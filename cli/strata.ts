// Owns the command line: which commands there are, their options, and how they end.

import { Command, InvalidArgumentError, Option } from 'commander';
import { addBucketCommands } from './bucket-commands.ts';
import { addClusterCommands } from './cluster-commands.ts';
import { addressesOf, collected, hostAndPortOf, wireAddressOf, withAccess } from './cluster-options.ts';
import { explain } from './failure.ts';
import { addLogCommands } from './log-commands.ts';
import { programVersion } from './program-version.ts';
import { addUserCommands } from './user-commands.ts';

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError('A port is 0 to 65535.');
  return number;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('A whole number from 1.');
  return Number(text);
}

function seconds(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Whole seconds from 0 to 9999.');
  return Number(text);
}

/** Memory: 2^power KiB; each step doubles time and memory. */
function passwordCost(text: string): number {
  const power = Number(text);
  if (!/^\d+$/.test(text) || power < 10 || power > 20) throw new InvalidArgumentError('10 to 20.');
  return power;
}

const s3Ownership = () =>
  new Option('--s3-ownership <rule>', 'of new buckets: all but the first let access control lists count')
    .choices(['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'])
    .default('BucketOwnerEnforced');

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
    .option('--openstack-port <port>', 'identity; 0 for any free port', port, 5000)
    .option('--password-cost <power>', 'of two: cost of hashing a password', passwordCost, 15)
    .option('--identity-settings <file>', 'policy of passwords and logins, in JSON')
    .option('--swift-settings <file>', 'storage policies and rate limits, in JSON')
    .option('--notification-settings <file>', 'whom buckets may tell of their objects, in JSON')
    .option('--region <name>', 'region that clients sign for', 'us-east-1')
    .option('--s3-domain <name>', 'domain whose subdomains are buckets')
    .addOption(s3Ownership())
    .action(async (options) => {
      const { up } = await import('./up.ts');
      await up(options);
    });
  addGateway(program);
  addStorageNode(program);
  addUserCommands(program, withData);
  addBucketCommands(program, withData);
  addLogCommands(program, withData);
  addClusterCommands(program, withData);
  return program;
}

function addGateway(program: Command): void {
  withAccess(withData(program.command('gateway').description('one gateway of a cluster')))
    .option('--json', 'print one JSON line on stdout once it serves')
    .option(
      '--log <log>',
      'embedded, embedded:DIR, kafka://host:port,…/topic or esdb://host:port/name',
      'embedded',
    )
    .option('--s3 <host:port>', 'S3', hostAndPortOf, { host: '127.0.0.1', port: 9000 })
    .option('--admin <host:port>', '/healthz, /metrics', hostAndPortOf, { host: '127.0.0.1', port: 9090 })
    .option('--openstack <host:port>', 'identity', hostAndPortOf, { host: '127.0.0.1', port: 5000 })
    .option('--password-cost <power>', 'of two: cost of hashing a password', passwordCost, 15)
    .option('--control <host:port>', 'where nodes join', hostAndPortOf, { host: '127.0.0.1', port: 9091 })
    .option('--first-nodes <number>', 'nodes that must have joined before data is placed', wholeNumber, 3)
    .option('--identity-settings <file>', 'policy of passwords and logins, in JSON')
    .option('--swift-settings <file>', 'storage policies and rate limits, in JSON')
    .option('--notification-settings <file>', 'whom buckets may tell of their objects, in JSON')
    .option('--region <name>', 'region that clients sign for', 'us-east-1')
    .option('--s3-domain <name>', 'domain whose subdomains are buckets')
    .addOption(s3Ownership())
    .option('--drain <seconds>', 'serve on for so long after SIGTERM, while /healthz says 503', seconds, 0)
    .action(async (options) => {
      const { gateway } = await import('./gateway.ts');
      await gateway(options);
    });
}

function addStorageNode(program: Command): void {
  withAccess(program.command('storage-node').description('one storage node of a cluster'))
    .requiredOption('--name <name>', 'of the node, for ever')
    .requiredOption('--zone <zone>', 'what may fail together lies in one zone: a rack, a room')
    .requiredOption('--data <directory>', 'of one disk; several times for several disks', collected)
    .requiredOption('--join <host:port,…>', 'control port of gateways, in order of preference', addressesOf)
    .option('--listen <address>', 'host:port or unix:path of the wire', wireAddressOf, 'tcp:127.0.0.1:7000')
    .option('--control <host:port>', 'node control', hostAndPortOf, { host: '127.0.0.1', port: 0 })
    .option('--admin <host:port>', '/healthz, /metrics', hostAndPortOf, { host: '127.0.0.1', port: 0 })
    .option('--advertise <host>', 'host by which the others reach this one')
    .option('--json', 'print one JSON line on stdout once it has joined and serves')
    .action(async (options) => {
      const { storageNode } = await import('./storage-node.ts');
      await storageNode(options);
    });
}

try {
  await strata().parseAsync();
} catch (error) {
  process.stderr.write(`strata: ${explain(error)}\n`);
  process.exitCode = 1;
}
