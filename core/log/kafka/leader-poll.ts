// Owns the question who leads each partition. One broker alone cannot be trusted with it: a leader that was
// stopped for a while or is cut off from its peers, and was replaced meanwhile, still takes itself for the
// leader, and so does whoever has not heard of it. The guarantee: nothing was acknowledged under a successor
// of the leader that is told. For as many of its replicas name it that they share one with every set that
// can acknowledge, and one that takes part in a successor's acknowledgement knows the successor before.

import type { PartitionMetadata } from 'kafkajs';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { KafkaTopic } from './kafka-topic.ts';

/** What of a session is asked. */
export interface Electorate {
  brokers(): readonly number[];
  /** As this very broker tells it now. */
  partitionsFrom(nodeId: number): Promise<readonly PartitionMetadata[]>;
}

export class LeaderPoll {
  readonly #electorate: Electorate;
  readonly #clock: Clock;
  readonly #topic: KafkaTopic;
  /** Brokers that did not answer, and until when they are not asked. */
  readonly #asideUntilMs = new Map<number, number>();

  constructor(electorate: Electorate, clock: Clock, topic: KafkaTopic) {
    this.#electorate = electorate;
    this.#clock = clock;
    this.#topic = topic;
  }

  /** Of each partition the leader; one call at a time. @throws Error when too few replicas agree */
  async leaders(): Promise<readonly number[]> {
    const nowMs = this.#clock.monotonicMs();
    const asked = this.#electorate
      .brokers()
      .filter((nodeId) => (this.#asideUntilMs.get(nodeId) ?? 0) <= nowMs);
    const votes = new Votes(this.#topic);
    await Promise.race([votes.areEnough, Promise.all(asked.map((nodeId) => this.#vote(nodeId, votes)))]);
    return votes.leaders();
  }

  async #vote(nodeId: number, votes: Votes): Promise<void> {
    // Until it has answered: the next call does not wait for this one.
    this.#asideUntilMs.set(nodeId, this.#clock.monotonicMs() + limits.kafkaAsideMs);
    try {
      votes.add(nodeId, await this.#electorate.partitionsFrom(nodeId));
      this.#asideUntilMs.delete(nodeId);
    } catch {
      // It has no vote.
    }
  }
}

class Votes {
  /** Resolves when each partition has a leader. */
  readonly areEnough: Promise<void>;
  readonly #topic: KafkaTopic;
  /** By partition, what each broker told of it. */
  readonly #told: readonly Map<number, PartitionMetadata>[];
  #tellEnough: () => void = () => {};

  constructor(topic: KafkaTopic) {
    this.#topic = topic;
    this.#told = Array.from({ length: topic.partitions }, () => new Map());
    this.areEnough = new Promise((resolve) => {
      this.#tellEnough = resolve;
    });
  }

  add(nodeId: number, partitions: readonly PartitionMetadata[]): void {
    for (const each of partitions) this.#told[each.partitionId]?.set(nodeId, each);
    if (this.#told.every((told) => this.#leaderOf(told) !== undefined)) this.#tellEnough();
  }

  leaders(): readonly number[] {
    return this.#told.map((told, partition) => {
      const leader = this.#leaderOf(told);
      if (leader === undefined) throw new Error(`partition ${partition} has no certain leader`);
      return leader;
    });
  }

  /** Whoever names another is outvoted, not waited for. */
  #leaderOf(told: ReadonlyMap<number, PartitionMetadata>): number | undefined {
    for (const { leader } of told.values()) {
      const voters = [...told.keys()].filter((nodeId) => told.get(nodeId)?.leader === leader);
      const areEnough = (replicas: readonly number[]) =>
        voters.filter((nodeId) => replicas.includes(nodeId)).length >
        replicas.length - this.#topic.replicasAcknowledging;
      if (leader >= 0 && voters.every((nodeId) => areEnough(told.get(nodeId)?.replicas ?? []))) return leader;
    }
    return undefined;
  }
}
