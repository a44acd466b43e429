// Owns clients that do random things to few keys at once, through as many gateways as there are, and the
// judgement of what they saw: some order of one-at-a-time operations explains all answers, key by key. A
// listing counts as a read of every key that it covers, so it may neither miss nor invent any.

import { createHash } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { ExecutionContext } from 'ava';
import { type Random, seededRandom } from '#core/kernel/random.ts';
import { type Action, isLinearizable, type Operation, type Outcome } from './linearizability.ts';

const CLIENTS = 8;
const OPERATIONS_EACH = 140;
const BUCKET = 'few-keys';
const KEYS = ['a', 'b', 'c/d', 'c/é'];
export const SEED = Number(process.env.STRATA_TEST_SEED ?? 20_260_807);

const etagOf = (value: string) => `"${createHash('md5').update(value).digest('hex')}"`;

/** What happened, and which value stands behind which etag. */
class Recorder {
  readonly #byKey = new Map<string, Operation[]>(KEYS.map((key) => [key, []]));
  readonly #values = new Map<string, string>();

  newValue(client: number, turn: number): string {
    const value = `client ${client}, turn ${turn}`;
    this.#values.set(etagOf(value), value);
    return value;
  }

  valueOf(etag: string | undefined): string {
    return this.#values.get(etag ?? '') ?? `unknown etag ${etag}`;
  }

  record(key: string, calledAt: number, action: Action): void {
    this.#byKey.get(key)?.push({ calledAt, answeredAt: performance.now(), action });
  }

  get histories(): Iterable<[string, readonly Operation[]]> {
    return this.#byKey;
  }
}

/** A client that does one random thing after the other. */
class RandomClient {
  readonly #recorder: Recorder;
  readonly #random: Random;
  readonly #s3: S3Client;
  readonly #number: number;
  readonly #lastSeen = new Map<string, string>();
  #turn = 0;

  constructor(recorder: Recorder, s3: S3Client, number: number) {
    this.#recorder = recorder;
    this.#random = seededRandom(SEED + number);
    this.#s3 = s3;
    this.#number = number;
  }

  async run(): Promise<void> {
    for (this.#turn = 0; this.#turn < OPERATIONS_EACH; this.#turn++) {
      const key = KEYS[Math.floor(this.#random.next() * KEYS.length)] ?? '';
      const choice = this.#random.next();
      if (choice < 0.3) await this.#get(key);
      else if (choice < 0.4) await this.#list();
      else if (choice < 0.55) await this.#delete(key);
      else if (choice < 0.7) await this.#put(key, 'absent');
      else if (choice < 0.85) await this.#put(key, { value: this.#lastSeen.get(key) ?? 'never seen' });
      else await this.#put(key);
    }
  }

  async #get(key: string): Promise<void> {
    const calledAt = performance.now();
    const found = await this.#s3
      .send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))
      .then((answer) => answer.Body?.transformToString())
      .catch((error) => {
        if (statusOf(error) === 404) return undefined;
        throw error;
      });
    if (found !== undefined) this.#lastSeen.set(key, found);
    this.#recorder.record(key, calledAt, { type: 'read', found });
  }

  async #list(): Promise<void> {
    const calledAt = performance.now();
    const { Contents = [] } = await this.#s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const etags = new Map(Contents.map(({ Key, ETag }) => [Key, ETag]));
    for (const key of KEYS) {
      const found = etags.has(key) ? this.#recorder.valueOf(etags.get(key)) : undefined;
      this.#recorder.record(key, calledAt, { type: 'read', found });
    }
  }

  async #delete(key: string): Promise<void> {
    const calledAt = performance.now();
    await this.#s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
    this.#recorder.record(key, calledAt, { type: 'delete', outcome: 'done' });
  }

  async #put(key: string, when?: 'absent' | { value: string }): Promise<void> {
    const value = this.#recorder.newValue(this.#number, this.#turn);
    const calledAt = performance.now();
    const outcome: Outcome | 'raced' = await this.#s3
      .send(
        new PutObjectCommand({
          Bucket: BUCKET,
          Key: key,
          Body: value,
          ...(when === 'absent' && { IfNoneMatch: '*' }),
          ...(typeof when === 'object' && { IfMatch: etagOf(when.value) }),
        }),
      )
      .then(() => 'done' as const)
      .catch((error) => {
        const status = statusOf(error);
        if (status === 412 || (status === 404 && typeof when === 'object')) return 'refused';
        // Another conditional write won: nothing was written, and nothing is said about the condition.
        if (status === 409 && when !== undefined) return 'raced';
        throw error;
      });
    if (outcome === 'raced') return;
    if (outcome === 'done') this.#lastSeen.set(key, value);
    this.#recorder.record(key, calledAt, { type: 'write', value, ...(when && { when }), outcome });
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** @param doors one S3 client for each gateway, without retries; the clients share them evenly */
export async function judgeRandomClients(t: ExecutionContext, doors: readonly S3Client[]): Promise<void> {
  const recorder = new Recorder();
  await doors[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const clients = Array.from({ length: CLIENTS }, (_, number) => {
    const door = doors[number % doors.length] as S3Client;
    return new RandomClient(recorder, door, number);
  });
  await Promise.all(clients.map((client) => client.run()));
  for (const [key, operations] of recorder.histories) {
    t.true(operations.length > OPERATIONS_EACH, `${key}: ${operations.length} operations prove too little`);
    if (!isLinearizable(operations)) {
      for (const { calledAt, answeredAt, action } of operations)
        t.log(calledAt.toFixed(3), answeredAt.toFixed(3), JSON.stringify(action));
      t.fail(`no order explains what the clients saw of ${key} (seed ${SEED})`);
    }
    t.false(isLinearizable(withAStaleRead(operations)), `${key}: the judge accepts a stale read`);
  }
}

/**
 * The history with one more read, after everything, of a value that was overwritten before its last write
 * began.
 */
function withAStaleRead(operations: readonly Operation[]): Operation[] {
  const writes = operations
    .filter(({ action }) => action.type === 'write' && action.outcome === 'done')
    .sort((a, b) => a.answeredAt - b.answeredAt);
  const first = writes[0]?.action;
  const found = first?.type === 'write' ? first.value : 'nothing';
  const end = Math.max(...operations.map(({ answeredAt }) => answeredAt)) + 1;
  return [...operations, { calledAt: end, answeredAt: end + 1, action: { type: 'read', found } }];
}
