// Owns what every long-running program shares: its logger, and how it is told to stop.

import { destination, type Logger, pino } from 'pino';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

export function openLogger(): Logger {
  const level = process.env.STRATA_LOG_LEVEL ?? 'warn';
  return pino({ level }, destination({ fd: 2, sync: false }));
}

/** A terminal tells npm and us, and npm tells us again: within this time that is asking once. */
const ASKED_ONCE_MS = 1_000;

export interface StopSignal {
  /** Resolves at the first SIGTERM or SIGINT, or when something failed and the process must not go on. */
  readonly told: Promise<'asked' | 'failed'>;
  /** Stops with an exit code; when stopping itself hangs, the process ends without it. */
  now(exitCode: number): void;
}

export function stopSignal(): StopSignal {
  let tell = (_: 'asked' | 'failed') => {};
  const told = new Promise<'asked' | 'failed'>((resolveTold) => {
    tell = resolveTold;
  });
  let askedAtMs: number | undefined;
  const asked = (exitCode: number) => () => {
    const nowMs = systemClock.monotonicMs();
    askedAtMs ??= nowMs;
    tell('asked');
    // Whoever asks twice does not want to wait; nothing acknowledged is lost by it.
    if (nowMs - askedAtMs > ASKED_ONCE_MS) process.exit(exitCode);
  };
  process.on('SIGTERM', asked(143));
  process.on('SIGINT', asked(130));
  return {
    told,
    now(exitCode) {
      process.exitCode = exitCode;
      tell('failed');
      void systemClock.sleep(limits.shutdownGraceMs * 2).then(() => process.exit(exitCode));
    },
  };
}

/** Runs `use` with a list of what to end after it, last first, whether or not it went well. */
export async function withClosers<Result>(
  use: (closers: (() => Promise<void> | void)[]) => Promise<Result>,
): Promise<Result> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    return await use(closers);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
