// Owns the proof that a topic of Kafka gets messages under the keys of their objects, against a real broker,
// and that one that cannot be reached is told later.

import test from 'ava';
import kafkajs from 'kafkajs';
import { systemClock } from '#core/kernel/clock.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { KafkaQueue } from './kafka-queue.ts';
import type { Message } from './webhook.ts';

const TOPIC = 'events';
let server: KafkaServer;

test.before(async (t) => {
  t.timeout(180_000);
  server = await KafkaServer.start(1);
  t.log(KAFKA);
});

test.after.always(() => server?.stop());

const client = () =>
  new kafkajs.Kafka({ brokers: [...server.addresses], logLevel: kafkajs.logLevel.NOTHING });

/** Resolves to the first so many, in the order of each partition. */
async function messagesOf(count: number): Promise<{ key: string; value: string; id: string }[]> {
  const consumer = client().consumer({ groupId: 'reader' });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  const found: { key: string; value: string; id: string }[] = [];
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message: { key, value, headers } }) => {
        found.push({ key: `${key}`, value: `${value}`, id: `${headers?.['x-strata-event-id']}` });
        if (found.length === count) resolve();
      },
    });
  });
  await consumer.disconnect();
  return found;
}

const message = (key: string, number: number): Message => ({
  ...{ id: `${key}-${number}`, key: `objects/bucket/${key}`, body: `{"number":${number}}` },
});

test('messages come to the topic under their keys, in the order in which they were taken', async (t) => {
  t.timeout(120_000);
  const queue = new KafkaQueue({ brokers: server.addresses, topic: TOPIC }, systemClock);
  const { signal } = new AbortController();
  t.is((await queue.tell(message('early', 0), signal)).answer, 'later', 'there is no such topic yet');
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 3 }], waitForLeaders: true });
  await admin.disconnect();
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (let number = 0; number < 3; number++) {
    const answers = await Promise.all(keys.map((key) => queue.tell(message(key, number), signal)));
    t.deepEqual(
      answers.map(({ answer }) => answer),
      keys.map(() => 'taken'),
    );
  }
  const found = await messagesOf(3 * keys.length);
  for (const key of keys) {
    const of = found.filter((each) => each.key === `bucket/${key}`);
    t.deepEqual(
      of.map(({ value, id }) => `${value} ${id}`),
      [0, 1, 2].map((number) => `{"number":${number}} ${key}-${number}`),
    );
  }
  await server.killBroker(0);
  t.is((await queue.tell(message('a', 3), signal)).answer, 'later');
  server.startBroker(0);
  await server.untilBrokers(1);
  let answer = '';
  while (answer !== 'taken') ({ answer } = await queue.tell(message('a', 3), signal));
  await queue.close();
});
