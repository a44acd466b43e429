// Owns the proof that only a leader is believed that has enough replicas' word, whoever is silent, behind or
// cut off.

import test from 'ava';
import type { PartitionMetadata } from 'kafkajs';
import { ManualClock, systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { LeaderPoll } from './leader-poll.ts';
import { Seeds } from './seeds.ts';

const REPLICAS = [1, 2, 3];
/** By partition whom a broker takes for its leader; nobody when it does not answer. */
type Opinion = readonly number[] | undefined;

function opinions(given: Readonly<Record<number, Opinion>>, replicas = REPLICAS) {
  const asked: number[] = [];
  const told = (leaders: readonly number[]): PartitionMetadata[] =>
    leaders.map((leader, partitionId) => ({
      ...{ partitionErrorCode: 0, partitionId, leader, replicas: [...replicas], isr: [...replicas] },
    }));
  return {
    asked,
    brokers: () => Object.keys(given).map(Number),
    partitionsFrom: async (nodeId: number) => {
      asked.push(nodeId);
      const leaders = given[nodeId];
      return leaders ? told(leaders) : new Promise<never>(() => {});
    },
  };
}

const topic = (partitions: number, replicasAcknowledging = 2) => ({ partitions, replicasAcknowledging });
const uncertain = { message: /^partition \d has no certain leader$/ };

test('of each partition that leader is told that enough of its replicas name', async (t) => {
  const poll = new LeaderPoll(opinions({ 1: [1, 2], 2: [1, 2], 3: [1, 2] }), systemClock, topic(2));
  t.deepEqual(await poll.leaders(), [1, 2]);
});

test('a leader that was replaced is outvoted, though it answers first', async (t) => {
  const poll = new LeaderPoll(opinions({ 1: [1, 2], 2: [3, 2], 3: [3, 2] }), systemClock, topic(2));
  t.deepEqual(await poll.leaders(), [3, 2]);
});

test('a broker that holds its connection and answers nothing is not waited for', async (t) => {
  const poll = new LeaderPoll(opinions({ 1: undefined, 2: [3], 3: [3] }), systemClock, topic(1));
  t.deepEqual(await poll.leaders(), [3]);
});

test('a broker that did not answer is asked again when it was aside for long enough', async (t) => {
  const clock = new ManualClock();
  const electorate = opinions({ 1: undefined, 2: [3], 3: [3] });
  const poll = new LeaderPoll(electorate, clock, topic(1));
  for (let call = 0; call < 3; call++) await poll.leaders();
  t.is(electorate.asked.filter((nodeId) => nodeId === 1).length, 1);
  clock.advance(limits.kafkaAsideMs);
  await poll.leaders();
  t.is(electorate.asked.filter((nodeId) => nodeId === 1).length, 2);
});

const doubtful: Readonly<Record<string, Readonly<Record<number, Opinion>>>> = {
  'one replica alone says so': { 1: [1] },
  'each replica names another': { 1: [1], 2: [2], 3: [3] },
  'enough name it for the one partition, and not for the other': { 1: [1, 1], 2: [1, 2] },
  'nobody leads it': { 1: [-1], 2: [-1], 3: [-1] },
  'those that say so have no replica': { 4: [1], 5: [1], 1: [1] },
  'they know fewer partitions': { 1: [], 2: [], 3: [] },
};

for (const [why, given] of Object.entries(doubtful)) {
  test(`no leader is told when ${why}`, async (t) => {
    const partitions = Math.max(1, ...Object.values(given).map((leaders) => leaders?.length ?? 0));
    await t.throwsAsync(new LeaderPoll(opinions(given), systemClock, topic(partitions)).leaders(), uncertain);
  });
}

test('where one replica may acknowledge, all must agree', async (t) => {
  const two = new LeaderPoll(opinions({ 1: [1], 2: [1] }), systemClock, topic(1, 1));
  await t.throwsAsync(two.leaders(), uncertain);
  const all = new LeaderPoll(opinions({ 1: [1], 2: [1], 3: [1] }), systemClock, topic(1, 1));
  t.deepEqual(await all.leaders(), [1]);
});

test('while replicas move the word of as many more is needed', async (t) => {
  const replicas = [1, 2, 3, 4, 5];
  const three = new LeaderPoll(opinions({ 1: [1], 2: [1], 3: [1] }, replicas), systemClock, topic(1));
  await t.throwsAsync(three.leaders(), uncertain);
  const four = new LeaderPoll(opinions({ 1: [1], 2: [1], 3: [1], 4: [1] }, replicas), systemClock, topic(1));
  t.deepEqual(await four.leaders(), [1]);
});

test('a broker that failed several sessions is passed over once', (t) => {
  const seeds = new Seeds(['a:1', 'b:1', 'c:1']);
  seeds.passOver('a:1');
  seeds.passOver('a:1');
  t.deepEqual(seeds.order, ['b:1', 'c:1', 'a:1']);
});
