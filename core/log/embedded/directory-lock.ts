// Owns the lock on a directory: at most one process of this machine holds it. A holder that died (kill -9
// too) does not keep it: the file names its process by pid and start time, and whoever finds that process
// gone takes over. Processes that share a directory from different containers do not see each other's pids
// and are not kept apart.

import {
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { systemRandom } from '#core/kernel/random.ts';

export interface DirectoryLock {
  /** Idempotent. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** Start of the process in ticks since boot; pids are reused, a pid with its start is not. */
  readonly startTicks: string;
  /** Changes with each boot of the machine and with each container. */
  readonly world: string;
  readonly token: string;
}

const LOCK_FILE = 'lock';

/**
 * Locks `directory` (made when absent) until `release()` or the end of this process.
 * @throws Fault `locked` when a living process holds it
 */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holder = thisProcess();
  claim(join(directory, LOCK_FILE), holder, directory);
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      const path = join(directory, LOCK_FILE);
      if (readHolder(path)?.token === holder.token) unlinkSync(path);
    },
  };
}

/**
 * Makes `path` name this holder. Replacing a dead holder is itself a claim, on a path that carries the dead
 * one's token: so of several processes that find it dead one alone replaces it, and it may die half way
 * through.
 */
function claim(path: string, mine: Holder, directory: string): void {
  for (;;) {
    if (linkHolder(path, mine)) return;
    const holder = readHolder(path);
    if (!holder) continue;
    if (isAlive(holder)) {
      throw new Fault('locked', `${directory} is in use by process ${holder.pid}; stop it first`, {
        details: { directory, pid: holder.pid },
      });
    }
    const successor = `${path}.${holder.token}`;
    claim(successor, mine, directory);
    // The right to replace may have been won after an earlier successor was done.
    const stillDead = readHolder(path)?.token === holder.token;
    if (stillDead) renameSync(successor, path);
    else unlinkSync(successor);
    if (stillDead) return;
  }
}

/** Creates `path` with its whole content in one step; false when it exists. */
function linkHolder(path: string, holder: Holder): boolean {
  const draft = `${path}.${holder.token}.draft`;
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // A power cut may leave the file without its content; then its holder is gone as well.
    if (error instanceof SyntaxError) return { pid: 0, startTicks: '', world: '', token: 'empty' };
    throw error;
  }
}

function thisProcess(): Holder {
  return {
    pid: process.pid,
    startTicks: startTicksOf(process.pid) ?? '',
    world: world(),
    token: newId(systemRandom),
  };
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === 0 || holder.world !== world()) return false;
  const startTicks = startTicksOf(holder.pid);
  if (startTicks !== undefined) return startTicks === holder.startTicks;
  try {
    process.kill(holder.pid, 0);
    // Where there is no /proc the pid alone has to do.
    return holder.startTicks === '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)); the command before it may contain spaces and parentheses. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has let go of its files.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function world(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}
