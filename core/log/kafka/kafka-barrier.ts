// Owns the question behind a strong read: where does each partition end? A leader alone cannot be trusted
// with it: one that was stopped for a while, and replaced meanwhile, still answers as leader for a moment,
// from before what its successor acknowledged. So of each partition's replicas as many are asked who leads
// that they share one with every set that can acknowledge; one that takes part in a successor's
// acknowledgement knows the successor before. Only when all name the same leader, its answer counts.

import type { PartitionMetadata } from 'kafkajs';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { KafkaSession, type KafkaTarget } from './kafka-session.ts';

export class KafkaBarrier {
  readonly #target: KafkaTarget;
  readonly #clock: Clock;
  readonly #replicasAcknowledging: number;
  #session: Promise<KafkaSession> | undefined;
  /** Brokers that did not answer, and until when they are not asked. */
  readonly #asideUntilMs = new Map<number, number>();

  constructor(target: KafkaTarget, clock: Clock, replicasAcknowledging: number) {
    this.#target = target;
    this.#clock = clock;
    this.#replicasAcknowledging = replicasAcknowledging;
  }

  /** @throws Error when it is not answered in time */
  async ends(): Promise<readonly number[]> {
    this.#session ??= this.#connect();
    const connecting = this.#session;
    try {
      const session = await connecting;
      return await session.within(limits.kafkaAskMs, this.#ask(session));
    } catch (error) {
      if (this.#session === connecting) this.end();
      this.#asideUntilMs.clear();
      throw error;
    }
  }

  end(): void {
    this.#session?.then((session) => session.end()).catch(() => undefined);
    this.#session = undefined;
  }

  async #connect(): Promise<KafkaSession> {
    const session = new KafkaSession(this.#target, this.#clock);
    try {
      await session.connect();
      return session;
    } catch (error) {
      session.end();
      throw error;
    }
  }

  async #ask(session: KafkaSession): Promise<readonly number[]> {
    const leaders = await this.#leaders(session);
    const ends: number[] = Array(leaders.length).fill(0);
    const nodes = [...new Set(leaders)];
    const answers = nodes.map((nodeId) => {
      const led = [...leaders.keys()].filter((partition) => leaders[partition] === nodeId);
      return session.ends(nodeId, led);
    });
    for (const answer of await Promise.all(answers)) {
      for (const [partition, offset] of answer) ends[partition] = offset;
    }
    return ends;
  }

  /** Of each partition the leader, on which enough of its replicas agree. */
  async #leaders(session: KafkaSession): Promise<readonly number[]> {
    const votes = new Votes(this.#replicasAcknowledging);
    const nowMs = this.#clock.monotonicMs();
    const asked = session.brokers().filter((nodeId) => (this.#asideUntilMs.get(nodeId) ?? 0) <= nowMs);
    await Promise.race([
      votes.areEnough,
      Promise.all(asked.map((nodeId) => this.#vote(session, nodeId, votes))),
    ]);
    return votes.leaders();
  }

  async #vote(session: KafkaSession, nodeId: number, votes: Votes): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + limits.kafkaAsideMs;
    // Until it has answered: the next barrier does not wait for this one.
    this.#asideUntilMs.set(nodeId, untilMs);
    try {
      votes.add(nodeId, await session.partitionsFrom(nodeId));
      this.#asideUntilMs.delete(nodeId);
    } catch {
      // It has no vote.
    }
  }
}

class Votes {
  readonly areEnough: Promise<void>;
  readonly #replicasAcknowledging: number;
  readonly #told = new Map<number, readonly PartitionMetadata[]>();
  #tellEnough: () => void = () => {};

  constructor(replicasAcknowledging: number) {
    this.#replicasAcknowledging = replicasAcknowledging;
    this.areEnough = new Promise((resolve) => {
      this.#tellEnough = resolve;
    });
  }

  add(nodeId: number, partitions: readonly PartitionMetadata[]): void {
    this.#told.set(nodeId, partitions);
    if (partitions.every((each) => this.#isEnoughFor(each))) this.#tellEnough();
  }

  /** @throws Error when they disagree or are too few */
  leaders(): readonly number[] {
    const leaders: number[] = [];
    for (const partition of [...this.#told.values()].flat()) {
      const { partitionId, leader } = partition;
      const known = leaders[partitionId] ?? leader;
      if (leader < 0 || leader !== known) throw new Error(`partition ${partitionId} has no certain leader`);
      if (!this.#isEnoughFor(partition)) throw new Error(`too few replicas of ${partitionId} answered`);
      leaders[partitionId] = leader;
    }
    if (leaders.length === 0) throw new Error('no broker answered');
    return leaders;
  }

  #isEnoughFor({ replicas }: PartitionMetadata): boolean {
    const voted = replicas.filter((nodeId) => this.#told.has(nodeId)).length;
    return voted > replicas.length - this.#replicasAcknowledging;
  }
}
