// Owns opening the event log on EventStoreDB, by its address. The guarantees are those of GuardedLog.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { GuardedLog } from '../ordered/guarded-log.ts';
import type { LogNotices } from '../ordered/local-copies.ts';
import { EventStoreOrderedLog } from './eventstore-ordered-log.ts';

export interface EventStoreLogOptions {
  /**
   * `esdb://host:port/name?tls=false`, `esdb+discover://…/name`: as EventStoreDB's clients have it, and a
   * path that names the log.
   */
  readonly address: string;
  /** Of this process alone: the local copy of the log. May be empty, and is then made anew from the log. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: LogNotices;
  /** Default `limits.eventStorePartitions`. Fixed for ever once the log has begun. */
  readonly partitions?: number;
  /** How long an append waits for EventStoreDB; default `limits.orderedAppendMs`. */
  readonly appendDeadlineMs?: number;
  /** Told once, of what stopped the log for good: the process should stop too. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Opens the log, begun when it is new, without waiting until the local copy has caught up: `tail()` does.
 * @throws Fault `log-unavailable` when EventStoreDB does not answer; `locked` when another process has the
 * directory; `corruption` when the streams are not what the directory is a copy of; Error when the address
 * cannot be read
 */
export function openEventStoreLog(options: EventStoreLogOptions): Promise<GuardedLog> {
  const { clock, logger, partitions = limits.eventStorePartitions } = options;
  const { connection, name } = parseEventStoreAddress(options.address);
  const ordered = new EventStoreOrderedLog({ connection, name, partitions, clock, logger });
  return GuardedLog.open({ ...options, ordered });
}

/** @throws Error when it is not `esdb://host:port,…/name` */
export function parseEventStoreAddress(address: string): { connection: string; name: string } {
  const match = /^(esdb(?:\+discover)?:\/\/[^/?]+)\/([A-Za-z0-9._-]{1,200})(\?.*)?$/.exec(address);
  if (!match) {
    // It may carry a password.
    throw new Error('not an address of a log on EventStoreDB (esdb://host:port/name, esdb+discover://…)');
  }
  const [, hosts, name, query = ''] = match;
  return { connection: `${hosts}${query}`, name: name as string };
}
