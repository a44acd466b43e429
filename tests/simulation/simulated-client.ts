// Owns one simulated client: one random operation after the other against the use cases of some gateway, each
// recorded with what it says about its key.

import { Bug } from '#core/kernel/assert.ts';
import { isRejected } from '#core/kernel/decider.ts';
import type { Caller, ContentDraft, WriteCondition } from '#services/cloud.ts';
import type { Condition, Outcome } from '#tests/support/linearizability.ts';
import { digestOf, type History } from './history.ts';
import type { Plan } from './plan.ts';
import { type BodyManner, SimulatedBody, SimulatedReceiver } from './simulated-body.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { OpenGateway } from './simulated-gateway.ts';
import type { Chance, World } from './world.ts';

/** The last is small, and made and deleted all the time. */
export const BUCKETS = ['one', 'two', 'three'] as const;
export const CALLER: Caller = { accountId: 'account', role: 'member', requestId: 'request' };
const THINK_MS = 60;
const PATTERN_BYTES = 61;
const NOBODYS_KEY = 'nobody';
const QUESTIONS = 30;
const QUESTION_EVERY_MS = 6;
const PATIENCE_MS = 60_000;
const NO_CONDITION: WriteCondition = {};
const PLAIN = { contentType: 'text/plain', headers: {}, metadata: {}, storageClass: 'STANDARD' };

/** No answer, or one that says nothing about what happened. */
const NO_ANSWER = Symbol('no answer');

export const keysOf = (plan: Plan) =>
  Array.from({ length: plan.keys }, (_, at) => (at % 3 === 2 ? `folder/key-${at}` : `key-${at}`));

export class SimulatedClient {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #history: History;
  readonly #chance: Chance;
  readonly #name: string;
  readonly #keys: readonly string[];
  readonly #seen = new Map<string, string>();
  #values = 0;

  constructor(world: World, cluster: SimulatedCluster, history: History, plan: Plan, name: string) {
    this.#world = world;
    this.#cluster = cluster;
    this.#history = history;
    this.#chance = world.chance(name);
    this.#name = name;
    this.#keys = keysOf(plan);
  }

  async run(operations: number): Promise<void> {
    for (let turn = 0; turn < operations; turn++) {
      await this.#world.scheduler.sleep(this.#chance.between(0, 2 * THINK_MS));
      const gateway = this.#chance.pick(this.#cluster.gateways).open;
      if (!gateway) continue;
      const choice = this.#chance.next();
      if (choice < 0.12) await this.#churn(gateway, BUCKETS[2], this.#keys[0] as string);
      else await this.#operate(gateway, BUCKETS[choice < 0.3 ? 1 : 0], this.#chance.pick(this.#keys));
    }
  }

  async #operate(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const choice = this.#chance.next();
    if (choice < 0.06) return this.#handOver(gateway, bucket, key);
    if (choice < 0.28) return this.#put(gateway, bucket, key);
    if (choice < 0.56) return void (await this.get(gateway, bucket, key));
    if (choice < 0.68) return this.#delete(gateway, bucket, key);
    if (choice < 0.78) return void (await this.list(gateway, bucket));
    if (choice < 0.86) return this.#copy(gateway, bucket, key);
    return this.#upload(gateway, bucket, key);
  }

  async #churn(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const choice = this.#chance.next();
    if (choice < 0.2) return this.#put(gateway, bucket, key);
    if (choice < 0.35) return void (await this.get(gateway, bucket, key));
    if (choice < 0.65) return this.createBucket(gateway, bucket);
    if (choice < 0.75) return this.#dropBucket(gateway, bucket);
    // Emptied, and deleted just while something is put into it elsewhere.
    await this.#delete(gateway, bucket, key);
    const other = this.#chance.pick(this.#cluster.gateways).open ?? gateway;
    await Promise.all([this.#put(other, bucket, key), this.#dropBucket(gateway, bucket)]);
  }

  /** Put by one gateway, while another that is asked all the time must know it at once. */
  async #handOver(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const other = this.#chance.pick(this.#cluster.gateways).open ?? gateway;
    let isPut = false;
    const put = this.#put(gateway, bucket, key).finally(() => {
      isPut = true;
    });
    const asking: Promise<unknown>[] = [];
    while (!isPut && asking.length < QUESTIONS) {
      asking.push(this.ask(other, 'ask', () => other.cloud.objects.get(CALLER, bucket, NOBODYS_KEY)));
      await Promise.race([put, this.#world.scheduler.sleep(this.#chance.between(0, QUESTION_EVERY_MS))]);
    }
    await put;
    await this.get(other, bucket, key);
    await Promise.all(asking);
  }

  async #dropBucket(gateway: OpenGateway, bucket: string): Promise<void> {
    await this.ask(gateway, `delete-bucket ${bucket}`, () => gateway.cloud.buckets.delete(CALLER, bucket));
  }

  /** What the gateway answers, unless it dies before or says that it does not know. */
  async ask<T>(gateway: OpenGateway, what: string, run: () => Promise<T>): Promise<T | typeof NO_ANSWER> {
    const { scheduler, trace } = this.#world;
    const impatient = scheduler.sleep(PATIENCE_MS).then(() => NO_ANSWER);
    const died = gateway.life.died.then(() => NO_ANSWER);
    const answer = run().catch((error) => {
      if (error instanceof Bug) this.#world.violated('noBug', `${what}: ${error.stack}`);
      trace.note('client-failed', `${this.#name} ${what}: ${error}`);
      return NO_ANSWER;
    });
    const outcome = (await Promise.race([answer, died, impatient])) as T | typeof NO_ANSWER;
    const said = isRejected(outcome) ? outcome.rejected : outcome === NO_ANSWER ? 'no answer' : 'answered';
    trace.note(`client-${said.replace(' ', '-')}`, `${this.#name} ${what}`);
    return outcome;
  }

  /** Reads the object whole; false where nothing is known of it. */
  async get(gateway: OpenGateway, bucket: string, key: string): Promise<boolean> {
    const calledAt = this.#history.moment();
    const { objects } = gateway.cloud;
    const answer = await this.ask(gateway, `get ${bucket}/${key}`, async () => {
      const found = await objects.get(CALLER, bucket, key);
      if (isRejected(found)) return { found: undefined, bytes: undefined };
      const receiver = new SimulatedReceiver(gateway.life, this.#chance);
      await objects.read(found, 0, found.sizeBytes, receiver);
      return { found, bytes: receiver.bytes };
    });
    if (answer === NO_ANSWER) return false;
    const { found, bytes } = answer;
    if (found && bytes) this.#judgeBytes(`${bucket}/${key}`, found.etag, bytes);
    if (found) this.#seen.set(key, found.etag);
    this.#history.record(bucket, key, calledAt, { type: 'read', found: found?.etag });
    return true;
  }

  #judgeBytes(place: string, name: string, bytes: Buffer): void {
    const value = this.#history.valueOf(name);
    if (value?.digest === digestOf(bytes)) return;
    const what = `${place}: ${bytes.length} bytes are not those of ${name} (${value?.sizeBytes})`;
    this.#world.violated('readsReturnWhatWasWritten', what);
  }

  async list(gateway: OpenGateway, bucket: string): Promise<boolean> {
    const calledAt = this.#history.moment();
    const request = { bucket, prefix: '', delimiter: '', after: '', limit: 1_000 };
    const page = await this.ask(gateway, `list ${bucket}`, () => gateway.cloud.objects.list(CALLER, request));
    if (page === NO_ANSWER) return false;
    const etags = new Map(isRejected(page) ? [] : page.objects.map(({ key, etag }) => [key, etag]));
    for (const key of this.#keys) {
      this.#history.record(bucket, key, calledAt, { type: 'read', found: etags.get(key) });
    }
    return true;
  }

  #newValue(bytes: Uint8Array): string {
    const name = `${this.#name}.${++this.#values}`;
    this.#history.know({ name, sizeBytes: bytes.length, digest: digestOf(bytes) });
    return name;
  }

  #draft(name: string): ContentDraft {
    return { ...PLAIN, etag: name };
  }

  #newBytes(): Buffer {
    const most = this.#chance.pick([0, 500, 5_000, 40_000, 100_000]);
    const bytes = Buffer.alloc(this.#chance.whole(0, most));
    // Unlike all others, and cheap to draw.
    const pattern = this.#chance.fill(Buffer.alloc(PATTERN_BYTES));
    for (let at = 0; at < bytes.length; at += PATTERN_BYTES) {
      pattern.writeUInt32LE(at, 0);
      pattern.copy(bytes, at);
    }
    return bytes;
  }

  #manner(): BodyManner {
    return {
      stalls: this.#chance.happens(0.12),
      breaksOff: this.#chance.happens(0.06),
      tellsSize: this.#chance.happens(0.7),
    };
  }

  #condition(key: string): WriteCondition {
    const choice = this.#chance.next();
    if (choice < 0.2) return { ifAbsent: true };
    const seen = this.#seen.get(key);
    return choice < 0.45 && seen ? { ifEtag: seen } : NO_CONDITION;
  }

  /** A write that nothing stands in the way of, of a bucket that is made where there is none. */
  async putPlainly(gateway: OpenGateway, bucket: string, key: string): Promise<boolean> {
    await this.createBucket(gateway, bucket);
    const manner = { stalls: false, breaksOff: false, tellsSize: true };
    const outcome = await this.#putWith(gateway, bucket, key, NO_CONDITION, manner);
    return outcome !== NO_ANSWER && !isRejected(outcome);
  }

  async #put(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    await this.#putWith(gateway, bucket, key, this.#condition(key), this.#manner());
  }

  async #putWith(
    gateway: OpenGateway,
    bucket: string,
    key: string,
    condition: WriteCondition,
    manner: BodyManner,
  ): Promise<unknown> {
    const bytes = this.#newBytes();
    const name = this.#newValue(bytes);
    const calledAt = this.#history.moment();
    const outcome = await this.ask(gateway, `put ${bucket}/${key} ${name} ${bytes.length}`, () =>
      gateway.cloud.objects.put(CALLER, {
        ...{ bucket, key, condition, digests: ['md5'] },
        source: new SimulatedBody(gateway.life, this.#chance, bytes, manner),
        describe: () => this.#draft(name),
      }),
    );
    this.#recordWrite(bucket, key, calledAt, name, condition, outcome);
    return outcome;
  }

  #recordWrite(
    bucket: string,
    key: string,
    calledAt: number,
    value: string,
    condition: WriteCondition,
    answer: unknown,
  ): void {
    const rejected = isRejected(answer) ? answer.rejected : undefined;
    const isRefused = rejected === 'precondition-failed' || (rejected === 'no-such-key' && condition.ifEtag);
    // Any other refusal says that nothing was written, and nothing about the key.
    if (rejected && !isRefused) return;
    const outcome: Outcome = answer === NO_ANSWER ? 'unknown' : rejected ? 'refused' : 'done';
    if (outcome === 'done') this.#seen.set(key, value);
    const when: Condition | undefined = condition.ifAbsent
      ? 'absent'
      : condition.ifEtag === undefined
        ? undefined
        : { value: condition.ifEtag };
    this.#history.record(bucket, key, calledAt, { type: 'write', value, ...(when && { when }), outcome });
  }

  async #delete(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const calledAt = this.#history.moment();
    const outcome = await this.ask(gateway, `delete ${bucket}/${key}`, () =>
      gateway.cloud.objects.delete(CALLER, bucket, key, NO_CONDITION),
    );
    if (isRejected(outcome)) return;
    const said = outcome === NO_ANSWER ? 'unknown' : 'done';
    this.#history.record(bucket, key, calledAt, { type: 'delete', outcome: said });
  }

  async #copy(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const { objects } = gateway.cloud;
    const from = this.#chance.pick(this.#keys);
    const readAt = this.#history.moment();
    const found = await this.ask(gateway, `head ${bucket}/${from}`, () => objects.get(CALLER, bucket, from));
    if (found === NO_ANSWER || isRejected(found)) return;
    this.#history.record(bucket, from, readAt, { type: 'read', found: found.etag });
    const name = `${this.#name}.${++this.#values}`;
    const original = this.#history.valueOf(found.etag);
    if (original) this.#history.know({ ...original, name });
    const calledAt = this.#history.moment();
    const outcome = await this.ask(gateway, `copy ${bucket}/${from} ${key} ${name}`, () =>
      objects.put(CALLER, {
        ...{ bucket, key, condition: NO_CONDITION, digests: ['md5'] },
        source: objects.source(found, 0, found.sizeBytes),
        describe: () => this.#draft(name),
      }),
    );
    this.#recordWrite(bucket, key, calledAt, name, NO_CONDITION, outcome);
  }

  async #upload(gateway: OpenGateway, bucket: string, key: string): Promise<void> {
    const { uploads } = gateway.cloud;
    const upload = await this.ask(gateway, `start-upload ${bucket}/${key}`, () =>
      uploads.start(CALLER, { ...PLAIN, bucket, key }),
    );
    if (upload === NO_ANSWER || isRejected(upload)) return;
    const parts: { partNumber: number; etag: string; bytes: Buffer }[] = [];
    for (let partNumber = 1; partNumber <= this.#chance.whole(1, 3); partNumber++) {
      const bytes = this.#newBytes();
      const etag = `${this.#name}.${++this.#values}`;
      const part = await this.ask(gateway, `part ${bucket}/${key} ${partNumber} ${etag}`, () =>
        uploads.putPart(CALLER, {
          ...{ upload, partNumber, digests: ['md5'] },
          source: new SimulatedBody(gateway.life, this.#chance, bytes, this.#manner()),
          describe: () => ({ etag }),
        }),
      );
      if (part === NO_ANSWER || isRejected(part)) break;
      parts.push({ partNumber, etag, bytes });
    }
    if (parts.length === 0 || this.#chance.happens(0.15)) {
      await this.ask(gateway, `abort ${bucket}/${key}`, () => uploads.abort(CALLER, upload));
      return;
    }
    const name = this.#newValue(Buffer.concat(parts.map(({ bytes }) => bytes)));
    const condition = this.#condition(key);
    const calledAt = this.#history.moment();
    const outcome = await this.ask(gateway, `complete ${bucket}/${key} ${name}`, async () => {
      const found = await uploads.get(CALLER, bucket, key, upload.uploadId);
      if (isRejected(found)) return found;
      return uploads.complete(CALLER, {
        ...{ upload: found, parts, condition, minPartBytes: 0, maxObjectBytes: Number.POSITIVE_INFINITY },
        describe: () => this.#draft(name),
      });
    });
    this.#recordWrite(bucket, key, calledAt, name, condition, outcome);
  }

  async createBucket(gateway: OpenGateway, bucket: string): Promise<void> {
    await this.ask(gateway, `create-bucket ${bucket}`, () =>
      gateway.cloud.buckets.create(CALLER, bucket, 'region'),
    );
  }
}
