// Owns the way from the text that names a log to the log itself.

import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#core/kernel/clock.ts';
import type { Random } from '#core/kernel/random.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { openEventStoreLog, parseEventStoreAddress } from '#core/log/eventstore/eventstore-log.ts';
import { openKafkaLog, parseKafkaAddress } from '#core/log/kafka/kafka-log.ts';
import { CommandFailed } from './failure.ts';

export interface OpenLogOptions {
  /** Of the process that opens it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told once, of what stopped the log for good. */
  onFault(error: unknown): void;
}

export interface LogSource {
  /** Whether other processes may write the same log. */
  readonly isShared: boolean;
  open(options: OpenLogOptions): Promise<EventLog>;
}

/**
 * `embedded` is the log in the data directory, `embedded:DIR` one elsewhere; `kafka://host:port,…/topic` and
 * `esdb://host:port/name` are shared with others.
 * @throws CommandFailed for anything else
 */
export function logSource(text: string): LogSource {
  if (text === 'embedded' || text.startsWith('embedded:')) {
    const elsewhere = text.slice('embedded:'.length);
    return {
      isShared: false,
      open: ({ directory, clock, random }) =>
        EmbeddedLog.open({
          directory: elsewhere === '' ? join(directory, 'log') : resolve(elsewhere),
          ...{ clock, random },
        }),
    };
  }
  const broker = BROKERS.find(({ scheme }) => scheme.test(text));
  if (!broker)
    throw new CommandFailed(`${text} is no log: say embedded, embedded:DIR, kafka://… or esdb://…`);
  try {
    broker.parse(text);
  } catch (error) {
    throw new CommandFailed(error instanceof Error ? error.message : String(error));
  }
  return {
    isShared: true,
    open: ({ directory, ...more }) =>
      broker.open({ address: text, directory: join(directory, 'log'), ...more }),
  };
}

const BROKERS = [
  { scheme: /^kafka:/, parse: parseKafkaAddress, open: openKafkaLog },
  { scheme: /^esdb(\+discover)?:/, parse: parseEventStoreAddress, open: openEventStoreLog },
];
