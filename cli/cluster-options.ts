// Owns the options that the programs of a cluster have in common, and what they mean.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Address, parseAddress } from '#core/kernel/network.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { readClusterSecret } from './cluster-secret.ts';
import type { ClusterAccess } from './compose.ts';
import { CommandFailed } from './failure.ts';
import type { HostAndPort } from './serve-clients.ts';

export interface AccessOptions {
  readonly secretFile: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

export function withAccess(command: Command): Command {
  return command
    .addOption(
      fileOption('--secret-file', 'the secret that all parts of the cluster share').makeOptionMandatory(),
    )
    .addOption(fileOption('--tls-cert', 'certificate of this part (PEM); with the next two, parts speak TLS'))
    .addOption(fileOption('--tls-key', 'its key (PEM)'))
    .addOption(fileOption('--tls-ca', 'who signed the certificates of all parts (PEM)'));
}

/** Of a file: what is in it is nobody's who lists processes. */
function fileOption(flag: string, description: string): Option {
  const variable = `STRATA_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
  return new Option(`${flag} <file>`, description).env(variable);
}

export function accessOf({ secretFile, tlsCert, tlsKey, tlsCa }: AccessOptions): ClusterAccess {
  const access = { network: nodeNetwork, secret: readClusterSecret(resolve(secretFile)) };
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return access;
  if (tlsCert === undefined || tlsKey === undefined || tlsCa === undefined) {
    throw new CommandFailed('TLS needs all of --tls-cert, --tls-key and --tls-ca.');
  }
  const [certificate, key, authority] = [tlsCert, tlsKey, tlsCa].map((file) => readFileSync(file, 'utf8'));
  return {
    ...access,
    tls: { certificate: certificate ?? '', key: key ?? '', authority: authority ?? '' },
  };
}

/** `host:port`, `[::1]:port`. */
export function hostAndPortOf(text: string): HostAndPort {
  const parts = parseAddress(`tcp:${text}`);
  if (parts?.kind !== 'tcp') throw new InvalidArgumentError('Write host:port.');
  return { host: parts.host, port: parts.port };
}

/** `host:port` or `unix:path`. */
export function wireAddressOf(text: string): Address {
  if (text.startsWith('unix:')) return `unix:${resolve(text.slice('unix:'.length))}`;
  hostAndPortOf(text);
  return `tcp:${text}`;
}

/** A comma between two, and as often as one likes. */
export function addressesOf(text: string, before: readonly string[] = []): string[] {
  const addresses = text.split(',');
  for (const address of addresses) hostAndPortOf(address);
  return [...before, ...addresses];
}

export function collected(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
