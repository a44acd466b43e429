// Owns a real LDAP server under test: Debian's slapd on a free port of 127.0.0.1, on a directory of its own,
// ended by its own id. Where it is not installed, that is an error that says so.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '#core/kernel/clock.ts';
import { freePorts } from './free-ports.ts';
import { memberIdentity } from './tls-identities.ts';

const run = promisify(execFile);
const READY_MS = 10_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

export const BASE = 'dc=example,dc=org';
export const READER = { dn: `cn=reader,${BASE}`, password: 'may read' } as const;

const configOf = (directory: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile ${join(directory, 'pid')}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${join(directory, 'certificate.pem')}
TLSCertificateKeyFile ${join(directory, 'key.pem')}
database mdb
suffix "${BASE}"
rootdn "${READER.dn}"
rootpw "${READER.password}"
directory ${join(directory, 'data')}
maxsize 16777216
access to attrs=userPassword by anonymous auth by * none
access to * by dn="${READER.dn}" read by * none
`;

export class Slapd {
  readonly #directory: string;
  readonly #ports: readonly number[];
  #child: ChildProcess | undefined;

  private constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  /** @param entries LDIF, below {@link BASE} @returns when it answers */
  static async start(entries: string): Promise<Slapd> {
    const directory = mkdtempSync(join(tmpdir(), 'strata-slapd-'));
    mkdirSync(join(directory, 'data'));
    const [config, ldif] = [join(directory, 'slapd.conf'), join(directory, 'entries.ldif')];
    writeFileSync(config, configOf(directory));
    writeFileSync(join(directory, 'certificate.pem'), memberIdentity.certificate);
    writeFileSync(join(directory, 'key.pem'), memberIdentity.key, { mode: 0o600 });
    writeFileSync(ldif, entries);
    const slapd = new Slapd(directory, await freePorts(2));
    try {
      await run('/usr/sbin/slapadd', ['-f', config, '-l', ldif]);
      await slapd.resume();
      return slapd;
    } catch (error) {
      await slapd.stop();
      throw error;
    }
  }

  get url(): string {
    return `ldap://127.0.0.1:${this.#ports[0]}`;
  }

  get secureUrl(): string {
    return `ldaps://127.0.0.1:${this.#ports[1]}`;
  }

  /** Starts it again after `kill`. */
  async resume(): Promise<void> {
    const urls = `${this.url}/ ${this.secureUrl}/`;
    const config = join(this.#directory, 'slapd.conf');
    const child = spawn('/usr/sbin/slapd', ['-f', config, '-h', urls, '-d', '0'], { stdio: 'ignore' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
    const endMs = systemClock.nowMs() + READY_MS;
    while (!(await answers(this.#ports[0] ?? 0))) {
      if (systemClock.nowMs() > endMs) throw new Error('slapd does not answer');
      await systemClock.sleep(20);
    }
  }

  /** It answers no more, though it is there. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => tell(true)).once('error', () => tell(false));
  });
}
