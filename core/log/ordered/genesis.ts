// Owns the beginning of a log: its first record, which says what must never change. Of several processes
// that begin one log at once the first to be written wins, and the others go by it.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { decodeRecord, encodeGenesis, type Genesis } from './envelope.ts';
import type { OrderedLog } from './ordered-log.ts';

export interface GenesisOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly window: number;
  readonly deadlineMs: number;
}

/**
 * Reads the first record, written if there is none.
 * @throws Fault `log-unavailable` when that is not done by the deadline; `corruption` when the first record
 * is not that of a log, or the log has lost partitions
 */
export async function openGenesis(ordered: OrderedLog, options: GenesisOptions): Promise<Genesis> {
  const { clock, random, window, deadlineMs } = options;
  const given = new AbortController();
  const { signal } = given;
  const untilMs = clock.monotonicMs() + deadlineMs;
  clock.sleep(deadlineMs, signal).then(() => given.abort());
  const bytes = encodeGenesis({ logId: newId(random), partitions: ordered.partitions, window });
  try {
    while (clock.monotonicMs() < untilMs) {
      try {
        if ((await ordered.ends())[0] === 0) await ordered.produce(0, [bytes]);
        const genesis = await readFirst(ordered, signal);
        if (genesis) return genesis;
      } catch (error) {
        if (error instanceof Fault && error.code !== 'log-unavailable') throw error;
      }
      await clock.sleep(limits.orderedRetryMs, signal);
    }
  } finally {
    given.abort();
  }
  throw new Fault('log-unavailable', `the log did not answer within ${deadlineMs} ms`);
}

async function readFirst(ordered: OrderedLog, signal: AbortSignal): Promise<Genesis | undefined> {
  for await (const [first] of ordered.consume(0, 0, signal)) {
    if (!first) continue;
    const record = decodeRecord(first.bytes);
    if (record.kind !== 'genesis') throw new Fault('corruption', 'the log does not begin with its genesis');
    if (record.partitions > ordered.partitions) {
      const counts = `${record.partitions} partitions, and ${ordered.partitions} are there`;
      throw new Fault('corruption', `the log was begun with ${counts}`);
    }
    return record;
  }
  return undefined;
}
