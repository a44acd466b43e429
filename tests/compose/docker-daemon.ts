// Owns the Docker daemon that the compose suite drives: the one that answers already, or one of our own on a
// socket and a data directory of its own. Stops what it started, by its process id, and nothing else.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { runEngine } from '#tests/support/engine.ts';

const READY_WITHIN_MS = 60_000;

/** Images and layers stay here, so that the next run need not build them again. */
const directory = process.env.STRATA_DOCKER_DIRECTORY ?? join(tmpdir(), 'strata-docker');

export interface DockerDaemon {
  /** Whose it is, in words. */
  readonly origin: string;
  stop(): Promise<void>;
}

/** @throws Error that says what is missing. */
export async function obtainDocker(): Promise<DockerDaemon> {
  if (await answers()) return { origin: 'the Docker daemon of this machine', stop: async () => {} };
  process.env.DOCKER_HOST = `unix://${join(directory, 'docker.sock')}`;
  if (await answers()) return { origin: `the Docker daemon in ${directory}`, stop: async () => {} };
  return startDaemon();
}

async function answers(): Promise<boolean> {
  try {
    await runEngine('docker', ['version', '--format', '{{.Server.Version}}']);
    return true;
  } catch {
    return false;
  }
}

async function startDaemon(): Promise<DockerDaemon> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(directory, name);
  const args = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')];
  const log = openSync(at('log'), 'a', 0o600);
  const child = spawn('dockerd', [...args, '--host', `unix://${at('docker.sock')}`], {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let failure = '';
  child.once('error', (error) => {
    failure = error.message;
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  const untilMs = systemClock.monotonicMs() + READY_WITHIN_MS;
  while (!(await answers())) {
    if (failure === '' && !hasEnded(child) && systemClock.monotonicMs() < untilMs) {
      await systemClock.sleep(250);
      continue;
    }
    kill();
    const said = failure || readFileSync(at('log'), 'utf8').slice(-2_000);
    throw new Error(
      `no Docker: none answers, and dockerd does not start (scripts/engines-setup.sh): ${said}`,
    );
  }
  return {
    origin: `a Docker daemon of our own in ${directory}`,
    async stop() {
      process.off('exit', kill);
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      kill();
      await ended;
    },
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;
