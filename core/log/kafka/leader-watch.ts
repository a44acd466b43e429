// Owns knowing who leads each partition, at any time, and telling when that changes. Whoever waits for an
// answer of the old leader, who may be stopped or cut off and never give it, need not wait any longer.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { KafkaSession, type KafkaTarget } from './kafka-session.ts';
import type { KafkaTopic } from './kafka-topic.ts';
import { LeaderPoll } from './leader-poll.ts';

export interface LeaderWatchParts {
  readonly target: KafkaTarget;
  readonly topic: KafkaTopic;
  readonly clock: Clock;
  /** Told for each partition that has another leader than before. */
  readonly onMoved: (partition: number) => void;
}

export class LeaderWatch {
  readonly #parts: LeaderWatchParts;
  readonly #isKnown: Promise<void>;
  #tellKnown: () => void = () => {};
  #leaders: readonly number[] = [];

  constructor(parts: LeaderWatchParts) {
    this.#parts = parts;
    this.#isKnown = new Promise((resolve) => {
      this.#tellKnown = resolve;
    });
  }

  /** The last that was known; waits for the first. @throws Error when the watch has ended before */
  async leaderOf(partition: number): Promise<number> {
    await this.#isKnown;
    const leader = this.#leaders[partition];
    if (leader === undefined) throw new Error(`nobody knows who leads partition ${partition}`);
    return leader;
  }

  /** Until the signal; whatever fails is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { target, clock } = this.#parts;
    while (!signal.aborted) {
      const session = new KafkaSession(target, clock);
      const end = () => session.end();
      signal.addEventListener('abort', end);
      try {
        await this.#poll(session, signal);
      } catch {
        // Who needs a leader meanwhile goes on with the last, and tells of what fails.
      }
      signal.removeEventListener('abort', end);
      session.end();
      await clock.sleep(limits.orderedRetryMs, signal);
    }
    this.#tellKnown();
  }

  async #poll(session: KafkaSession, signal: AbortSignal): Promise<void> {
    const { clock, topic } = this.#parts;
    await session.connect();
    const poll = new LeaderPoll(session, clock, topic);
    while (!signal.aborted) {
      this.#learn(await session.within(limits.kafkaAskMs, poll.leaders()));
      await clock.sleep(limits.kafkaLeaderCheckMs, signal);
    }
  }

  #learn(leaders: readonly number[]): void {
    const before = this.#leaders;
    this.#leaders = leaders;
    this.#tellKnown();
    for (const [partition, leader] of leaders.entries()) {
      if (before[partition] !== undefined && before[partition] !== leader) this.#parts.onMoved(partition);
    }
  }
}
