// Owns the question behind a strong read: where does each partition end? Whoever enough replicas agree on as
// its leader (leader-poll.ts) is asked, and has whatever was acknowledged before the question.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { KafkaSession, type KafkaTarget } from './kafka-session.ts';
import type { KafkaTopic } from './kafka-topic.ts';
import { LeaderPoll } from './leader-poll.ts';

interface Live {
  readonly session: KafkaSession;
  readonly poll: LeaderPoll;
}

export class KafkaBarrier {
  readonly #target: KafkaTarget;
  readonly #topic: KafkaTopic;
  readonly #clock: Clock;
  #live: Promise<Live> | undefined;

  constructor(target: KafkaTarget, topic: KafkaTopic, clock: Clock) {
    this.#target = target;
    this.#topic = topic;
    this.#clock = clock;
  }

  /** One call at a time. @throws Error when it is not answered in time */
  async ends(): Promise<readonly number[]> {
    this.#live ??= this.#begin();
    const beginning = this.#live;
    try {
      const live = await beginning;
      return await live.session.within(limits.kafkaAskMs, this.#ask(live));
    } catch (error) {
      if (this.#live === beginning) this.end();
      throw error;
    }
  }

  end(): void {
    this.#live?.then(({ session }) => session.end()).catch(() => undefined);
    this.#live = undefined;
  }

  async #begin(): Promise<Live> {
    const session = new KafkaSession(this.#target, this.#clock);
    await session.connect();
    return { session, poll: new LeaderPoll(session, this.#clock, this.#topic) };
  }

  async #ask({ session, poll }: Live): Promise<readonly number[]> {
    const leaders = await poll.leaders();
    const ends: number[] = [];
    const answers = [...new Set(leaders)].map((nodeId) => {
      const led = [...leaders.keys()].filter((partition) => leaders[partition] === nodeId);
      return session.ends(nodeId, led);
    });
    for (const answer of await Promise.all(answers)) {
      for (const [partition, offset] of answer) ends[partition] = offset;
    }
    // Without one, a partition would seem to end at its beginning.
    for (const partition of leaders.keys()) {
      if (ends[partition] === undefined) throw new Error(`partition ${partition} was not answered`);
    }
    return ends;
  }
}
