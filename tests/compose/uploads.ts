// Owns the load of the compose suite and the memory of what was acknowledged: lanes that put, overwrite,
// delete and upload in parts through both gateways while parts of the cluster fail. What was acknowledged is
// known by its hash; of a request that failed both outcomes are allowed, and its key is left alone from then
// on.

import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { systemClock } from '#core/kernel/clock.ts';
import { type Random, seededRandom } from '#core/kernel/random.ts';
import { contentOf } from '#tests/support/contents.ts';

const LANES = 3;
const SIZES_BYTES = [0, 100, 4_096, 4_096, 70_000, 70_000, 300_000, 300_000, 1_500_000, 4_000_000];
/** Between two requests of a lane: what is written has to be read back, again and again. */
const PAUSE_MS = 50;
const PARTS_BYTES = 6 * 1024 * 1024;
/** A client that waits for no answer longer than this is of no use to anybody. */
const GIVEN_UP_MS = 60_000;
const READ_AT_ONCE = 8;

/** SHA-256 of what is there, or that nothing is. */
type Content = string;
const ABSENT: Content = 'absent';

export class Uploads {
  readonly #clients: readonly S3Client[];
  readonly #bucket: string;
  /** Of each key what may be read: one content, unless a request for it failed. */
  readonly #allowed = new Map<string, readonly Content[]>();
  readonly #random: Random;
  #lanes: Promise<unknown> = Promise.resolve();
  #isStopping = false;
  #seed = 1;
  #acknowledged = 0;
  #waiting: { count: number; resolve: () => void }[] = [];
  /** Requests that no gateway carried out within the time, in words. */
  #failures: string[] = [];

  /** @param clients One a gateway: what one cannot do, the other is asked to. */
  constructor(clients: readonly S3Client[], bucket: string) {
    this.#clients = clients;
    this.#bucket = bucket;
    this.#random = seededRandom(20_261_123);
  }

  start(): void {
    this.#isStopping = false;
    this.#failures = [];
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#run(lane)));
  }

  /** Resolves when so many more requests have been acknowledged. @throws when the lanes ended before. */
  async acknowledged(more: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#waiting.push({ count: this.#acknowledged + more, resolve });
    });
    await Promise.race([enough, this.#lanes]);
  }

  /** Resolves to the requests that failed since the start, in words. */
  async stop(): Promise<readonly string[]> {
    this.#isStopping = true;
    await this.#lanes;
    return this.#failures;
  }

  get objects(): number {
    return [...this.#allowed.values()].filter(([content]) => content !== ABSENT).length;
  }

  /** What a gateway shows other than was acknowledged, a sentence each. */
  async differences(client: S3Client): Promise<readonly string[]> {
    const complaints: string[] = [];
    const listed = await listAll(client, this.#bucket);
    for (const key of listed) {
      if (!this.#allowed.has(key)) complaints.push(`${key} is listed, but was never put`);
    }
    const keys = [...this.#allowed];
    const reader = async () => {
      for (let next = keys.pop(); next; next = keys.pop()) {
        const [key, allowed] = next;
        const found = await read(client, this.#bucket, key);
        if (!allowed.includes(found)) complaints.push(`${key} reads ${found}, not ${allowed.join(' or ')}`);
        if (listed.has(key) !== (found !== ABSENT))
          complaints.push(`${key} reads ${found}, but the list differs`);
      }
    };
    await Promise.all(Array.from({ length: READ_AT_ONCE }, reader));
    return complaints;
  }

  async #run(lane: number): Promise<void> {
    const own: string[] = [];
    for (let count = 0; !this.#isStopping; count++) {
      await systemClock.sleep(PAUSE_MS);
      const isNew = own.length === 0 || this.#random.next() < 0.75;
      const key = isNew
        ? `lane-${lane}/${this.#seed}`
        : (own[Math.floor(this.#random.next() * own.length)] ?? '');
      const isDelete = !isNew && this.#random.next() < 0.4;
      const before = this.#allowed.get(key) ?? [ABSENT];
      const { after, request } = isDelete
        ? this.#deletion(key)
        : this.#upload(key, lane === 0 && count % 15 === 7);
      // Until it is acknowledged, a reader may see either.
      this.#allowed.set(key, [...before, after]);
      const failure = await this.#carriedOut(request, lane);
      if (failure === undefined) {
        this.#allowed.set(key, [after]);
        if (isNew) own.push(key);
        this.#acknowledge();
      } else {
        this.#failures.push(`${isDelete ? 'delete' : 'put'} ${key}: ${failure}`);
        if (!isNew) own.splice(own.indexOf(key), 1);
      }
    }
  }

  #deletion(key: string) {
    const request = (client: S3Client) =>
      client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
    return { after: ABSENT, request };
  }

  #upload(key: string, inParts: boolean) {
    const seed = this.#seed++;
    const size = inParts
      ? PARTS_BYTES
      : (SIZES_BYTES[Math.floor(this.#random.next() * SIZES_BYTES.length)] ?? 0);
    const body = contentOf(seed, size);
    const params = { Bucket: this.#bucket, Key: key, Body: body };
    const request = (client: S3Client): Promise<unknown> =>
      inParts ? new Upload({ client, params }).done() : client.send(new PutObjectCommand(params));
    return { after: createHash('sha256').update(body).digest('hex'), request };
  }

  /** As behind a balancer: one gateway, then the other, until the time is over. Resolves to why it failed. */
  async #carriedOut(
    request: (client: S3Client) => Promise<unknown>,
    lane: number,
  ): Promise<string | undefined> {
    const untilMs = systemClock.monotonicMs() + GIVEN_UP_MS;
    for (let attempt = lane; ; attempt++) {
      try {
        await request(this.#clients[attempt % this.#clients.length] as S3Client);
        return undefined;
      } catch (error) {
        const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
        // A 4xx is an answer: to ask again would give the same.
        const isFinal = status !== undefined && status < 500;
        if (isFinal || systemClock.monotonicMs() > untilMs) return String(error);
        await systemClock.sleep(100);
      }
    }
  }

  #acknowledge(): void {
    this.#acknowledged += 1;
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (count > this.#acknowledged) return true;
      resolve();
      return false;
    });
  }
}

async function listAll(client: S3Client, bucket: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 100, ...(token && { ContinuationToken: token }) }),
    );
    for (const { Key } of page.Contents ?? []) keys.add(Key ?? '');
    token = page.NextContinuationToken;
  } while (token);
  return keys;
}

async function read(client: S3Client, bucket: string, key: string): Promise<Content> {
  let answer: GetObjectCommandOutput;
  try {
    answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return ABSENT;
    return String(error);
  }
  try {
    const bytes = await answer.Body?.transformToByteArray();
    return createHash('sha256')
      .update(bytes ?? new Uint8Array())
      .digest('hex');
  } catch (error) {
    return `a body that ended with ${error}`;
  }
}
