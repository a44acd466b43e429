// Owns the proof that versions are what S3's users know them as: whatever is done to a bucket, all that can
// be asked of it is answered as a small model says that keeps everything in lists.

import test, { type ExecutionContext } from 'ava';
import fastCheck from 'fast-check';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { objectsByKey } from '#projections/objects-by-key/objects-by-key.projection.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { replayProjection } from '#projections/replay.ts';
import { createMemoryStore } from '#projections/store/memory-store.ts';
import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { openTestReadModels } from '#tests/support/read-models.ts';
import { ScriptedSource } from '#tests/support/scripted-source.ts';
import type { Caller, Cloud } from './cloud.ts';

const ADA: Caller = { accountId: 'ada', role: 'member', requestId: 'r1' };

interface Version {
  readonly name: string;
  /** Undefined: a deletion. */
  readonly text: string | undefined;
  type: string;
}

const KEYS = ['a', 'a\0', 'a\0\x01', 'a/b', 'a/c', 'b', '𐀀'] as const;
const key = fastCheck.constantFrom(...KEYS, 'a', 'a', 'a', 'a\0');
const at = fastCheck.nat(4);

const step = fastCheck.oneof(
  { weight: 2, arbitrary: fastCheck.record({ does: fastCheck.constantFrom('enabled', 'suspended') }) },
  { weight: 8, arbitrary: fastCheck.record({ does: fastCheck.constantFrom('put', 'put', 'upload'), key }) },
  {
    weight: 5,
    arbitrary: fastCheck.record({ does: fastCheck.constantFrom('delete', 'describe', 'tag'), key }),
  },
  { weight: 5, arbitrary: fastCheck.record({ does: fastCheck.constant('delete-version'), key, at }) },
  { weight: 2, arbitrary: fastCheck.record({ does: fastCheck.constant('copy'), key, from: key, at }) },
);
type Drawn = typeof step extends fastCheck.Arbitrary<infer Value> ? Value : never;
type Step = Drawn & { readonly key?: string; readonly from?: string; readonly at?: number };

const draft = { contentType: 'text/plain', headers: {}, metadata: {}, storageClass: 'STANDARD' };
const DESCRIBED = { ...draft, etag: 'e' };

const sourceOf = (text: string) =>
  new ScriptedSource({ slices: [Buffer.from(text)], sizeBytes: text.length, eager: true });

/** The cloud's answer, which is no refusal. */
function granted<Value>(outcome: Value | Rejection): Value {
  if (isRejected(outcome)) throw new Error(`refused: ${outcome.rejected}`);
  return outcome;
}

class Trial {
  readonly #t: ExecutionContext;
  readonly #cloud: Cloud;
  readonly #bucket: string;
  /** Newest first, by key; a key without versions is not there. */
  readonly #model = new Map<string, readonly Version[]>();
  #versioning: 'enabled' | 'suspended' | undefined;
  #texts = 0;

  constructor(t: ExecutionContext, cloud: Cloud, bucket: string) {
    this.#t = t;
    this.#cloud = cloud;
    this.#bucket = bucket;
  }

  async take({ does, key = '', from = '', at = 0 }: Step): Promise<void> {
    const { objects } = this.#cloud;
    if (does === 'enabled' || does === 'suspended') return this.#setVersioning(does);
    if (does === 'put') return this.#put(key, this.#newText());
    if (does === 'upload') return this.#upload(key, this.#newText());
    if (does === 'delete') return this.#delete(key);
    if (does === 'describe') return this.#describe(key);
    if (does === 'tag') return this.#tag(key);
    if (does === 'delete-version') return this.#deleteVersion(key, at);
    const version = this.#versions(from)[at];
    if (version?.text === undefined) return;
    const { object } = granted(await objects.version(ADA, this.#bucket, from, version.name));
    if (!object) return this.#t.fail('an object is no deletion');
    await this.#put(key, version.text, objects.source(object, 0, object.sizeBytes));
  }

  /** Everything that can be asked. */
  async check(): Promise<void> {
    const { objects, buckets } = this.#cloud;
    const t = this.#t;
    let bytes = 0;
    const named: string[] = [];
    for (const each of KEYS) {
      const versions = this.#versions(each);
      const [newest] = versions;
      const present = await objects.get(ADA, this.#bucket, each);
      if (newest?.text === undefined) t.deepEqual<unknown, unknown>(present, { rejected: 'no-such-key' });
      else {
        named.push(each);
        t.is(await this.#textOf(granted(present)), newest.text);
      }
      const deletion = await objects.deletion(ADA, this.#bucket, each);
      t.is(deletion?.version, newest && newest.text === undefined ? newest.name : undefined);
      for (const { name, text, type } of versions) {
        const { object } = granted(await objects.version(ADA, this.#bucket, each, name));
        t.is(object && (await this.#textOf(object)), text);
        if (object) t.like(object, { contentType: type, key: each, version: name });
        bytes += text?.length ?? 0;
      }
    }
    const bucket = granted(await buckets.get(ADA, this.#bucket));
    t.deepEqual(buckets.usage(bucket), { objects: named.length, bytes });
    const everything = { bucket: this.#bucket, prefix: '', delimiter: '', after: '', limit: 100 };
    const listed = granted(await objects.list(ADA, everything));
    t.deepEqual(listed.objects.map((object) => object.key).sort(), named.sort());
    for (const [prefix, delimiter] of [
      ['', ''],
      ['', '/'],
      ['a', ''],
      ['a', '\0'],
      ['a/', '/'],
    ] as const) {
      const expected = this.#listed(prefix, delimiter);
      for (const limit of [1, 2, 100]) t.deepEqual(await this.#list(prefix, delimiter, limit), expected);
    }
  }

  /** Version by version, until nothing is left of the bucket. */
  async clear(): Promise<void> {
    const { buckets } = this.#cloud;
    for (const each of KEYS) {
      while (this.#versions(each).length > 0) {
        const refused = await buckets.delete(ADA, this.#bucket);
        this.#t.deepEqual<unknown, unknown>(refused, { rejected: 'bucket-not-empty' });
        await this.#deleteVersion(each, 0);
      }
    }
    this.#t.is(await buckets.delete(ADA, this.#bucket), undefined);
  }

  #versions(key: string): readonly Version[] {
    return this.#model.get(key) ?? [];
  }

  #newText(): string {
    return 'x'.repeat(++this.#texts);
  }

  async #setVersioning(versioning: 'enabled' | 'suspended'): Promise<void> {
    this.#versioning = versioning;
    const changes = { set: { versioning }, unset: [] };
    this.#t.is(await this.#cloud.buckets.describe(ADA, this.#bucket, changes), undefined);
  }

  #newest(key: string, said: string | undefined, text: string | undefined): void {
    const name = said ?? 'null';
    this.#t.is(said === undefined, this.#versioning === undefined);
    this.#t.is(name === 'null', this.#versioning !== 'enabled');
    const others = this.#versions(key).filter((version) => version.name !== name);
    this.#model.set(key, [{ name, text, type: draft.contentType }, ...others]);
  }

  async #put(key: string, text: string, source: ByteSource = sourceOf(text)): Promise<void> {
    const request = { bucket: this.#bucket, key, source, digests: [], condition: {} };
    const made = granted(await this.#cloud.objects.put(ADA, { ...request, describe: () => DESCRIBED }));
    this.#newest(key, made.version, text);
  }

  async #upload(key: string, text: string): Promise<void> {
    const { uploads } = this.#cloud;
    const upload = granted(await uploads.start(ADA, { bucket: this.#bucket, key, ...draft }));
    const describe = () => ({ etag: 'e' });
    const part = { upload, partNumber: 1, source: sourceOf(text), digests: [], describe };
    granted(await uploads.putPart(ADA, part));
    const parts = [{ partNumber: 1, etag: 'e' }];
    const rules = { condition: {}, minPartBytes: 1, maxObjectBytes: 1_000 };
    const request = { upload, parts, ...rules, describe: () => DESCRIBED };
    this.#newest(key, granted(await uploads.complete(ADA, request)).version, text);
  }

  async #delete(key: string): Promise<void> {
    const deleted = granted(await this.#cloud.objects.delete(ADA, this.#bucket, key, {}));
    this.#t.is(deleted.isDeletion, this.#versioning !== undefined);
    if (this.#versioning) this.#newest(key, deleted.version, undefined);
    else this.#model.delete(key);
  }

  async #describe(key: string): Promise<void> {
    const [newest] = this.#versions(key);
    const contentType = this.#newText();
    const described = await this.#cloud.objects.describe(ADA, this.#bucket, key, () => ({
      ...{ contentType, headers: {}, metadata: {} },
    }));
    this.#t.is(isRejected(described), newest?.text === undefined);
    if (newest?.text !== undefined) newest.type = contentType;
  }

  async #tag(key: string): Promise<void> {
    const tags = { values: { text: this.#newText() } };
    const tagged = await this.#cloud.objects.tag(ADA, this.#bucket, key, tags);
    this.#t.is(isRejected(tagged), this.#versions(key)[0]?.text === undefined);
  }

  async #deleteVersion(key: string, at: number): Promise<void> {
    const gone = this.#versions(key)[at];
    const name = gone?.name ?? 'f'.repeat(32);
    const deleted = await this.#cloud.objects.deleteVersion(ADA, this.#bucket, key, name, {});
    const isDeletion = gone !== undefined && gone.text === undefined;
    this.#t.deepEqual<unknown, unknown>(deleted, { version: name, isDeletion });
    const left = this.#versions(key).filter((version) => version.name !== name);
    if (left.length > 0) this.#model.set(key, left);
    else this.#model.delete(key);
  }

  async #textOf(object: StoredObject): Promise<string> {
    let text = '';
    await this.#cloud.objects.read(object, 0, object.sizeBytes, {
      write: (bytes) => {
        text += Buffer.from(bytes).toString();
        return undefined;
      },
    });
    return text;
  }

  /** Page after page, each with the markers of the one before. */
  async #list(prefix: string, delimiter: string, limit: number): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    let markers = { keyMarker: '', versionMarker: '' };
    for (;;) {
      const request = { bucket: this.#bucket, prefix, delimiter, limit, ...markers };
      const page = granted(await this.#cloud.objects.listVersions(ADA, request));
      const rows = [
        ...page.versions.map(({ key, version, isLatest, object }) => ({
          ...{ key, version, isLatest, sizeBytes: object?.sizeBytes },
        })),
        ...page.commonPrefixes.map((each) => ({ key: each })),
      ];
      this.#t.true(rows.length <= limit);
      found.push(...rows.sort((a, b) => (sameKey(a, b) ? 0 : Buffer.compare(bytesOf(a), bytesOf(b)))));
      if (!page.truncated) return found;
      this.#t.true(rows.length > 0);
      markers = { keyMarker: page.nextKeyMarker, versionMarker: page.nextVersionMarker };
    }
  }

  /** What all pages together must show. */
  #listed(prefix: string, delimiter: string): readonly unknown[] {
    const keys = [...this.#model.keys()].filter((each) => each.startsWith(prefix));
    const found: object[] = [];
    const folded = new Set<string>();
    for (const each of keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      const end = delimiter === '' ? -1 : each.indexOf(delimiter, prefix.length);
      const common = each.slice(0, end + delimiter.length);
      if (end >= 0 && folded.has(common)) continue;
      if (end >= 0) {
        folded.add(common);
        found.push({ key: common });
        continue;
      }
      for (const [index, { name, text }] of this.#versions(each).entries()) {
        found.push({ key: each, version: name, isLatest: index === 0, sizeBytes: text?.length });
      }
    }
    return found;
  }
}

const bytesOf = (row: { readonly key: string }) => Buffer.from(row.key);
const sameKey = (a: { readonly key: string }, b: { readonly key: string }) => a.key === b.key;

test('versions are as a model says that keeps them in lists, whatever is done', async (t) => {
  const memory = await openMemoryCloud();
  const { log } = memory;
  const models = await openTestReadModels({ log });
  let trials = 0;
  await fastCheck.assert(
    fastCheck.asyncProperty(
      fastCheck.array(step, { minLength: 8, maxLength: 48, size: 'max' }),
      async (steps) => {
        const bucket = `b-${++trials}`;
        granted(await memory.cloud.buckets.create(ADA, bucket, 'here'));
        const trial = new Trial(t, memory.cloud, bucket);
        for (const [index, each] of steps.entries()) {
          await trial.take(each);
          if (index % 8 === 7) await trial.check();
        }
        await trial.check();
        await trial.clear();
      },
    ),
    { numRuns: 50 },
  );
  const parts = { log, running: models.runner, clock: models.clock, scratch: createMemoryStore() };
  const { firstDifference } = await replayProjection({ ...parts, projection: objectsByKey });
  t.is(firstDifference, undefined);
  await models.runner.close();
  await memory.close();
});

test('of writes at the same time each that is kept has a name of its own, and none is lost', async (t) => {
  const { cloud, close } = await openMemoryCloud();
  const bucket = 'busy';
  granted(await cloud.buckets.create(ADA, bucket, 'here'));
  granted(await cloud.buckets.describe(ADA, bucket, { set: { versioning: 'enabled' }, unset: [] }));
  const put = (text: string) => {
    const request = { bucket, key: 'k', source: sourceOf(text), digests: [], condition: {} };
    return cloud.objects.put(ADA, { ...request, describe: () => DESCRIBED });
  };
  const made = await Promise.all(
    Array.from({ length: 24 }, (_, at) =>
      at % 6 === 0 ? cloud.objects.delete(ADA, bucket, 'k', {}) : put('x'.repeat(at)),
    ),
  );
  const names = made.map((outcome) => granted(outcome).version ?? '');
  t.is(new Set(names).size, names.length);
  const everything = { bucket, prefix: '', delimiter: '', keyMarker: '', versionMarker: '', limit: 100 };
  const { versions } = granted(await cloud.objects.listVersions(ADA, everything));
  t.deepEqual(
    versions.map(({ version }) => version),
    [...names].sort(),
  );
  t.deepEqual(versions.map(({ isLatest }) => isLatest).filter(Boolean), [true]);
  await Promise.all(names.map((name) => cloud.objects.deleteVersion(ADA, bucket, 'k', name, {})));
  t.is(await cloud.buckets.delete(ADA, bucket), undefined);
  await close();
});

test('a write that began before its bucket was told to keep versions is kept', async (t) => {
  const { cloud, close } = await openMemoryCloud();
  const bucket = 'told';
  granted(await cloud.buckets.create(ADA, bucket, 'here'));
  const request = { bucket, key: 'k', digests: [], condition: {}, describe: () => DESCRIBED };
  granted(await cloud.objects.put(ADA, { ...request, source: sourceOf('first') }));
  const changes = { set: { versioning: 'enabled' }, unset: [] };
  const [made, told, deleted] = await Promise.all([
    cloud.objects.put(ADA, { ...request, source: sourceOf('second') }),
    cloud.buckets.describe(ADA, bucket, changes),
    cloud.objects.delete(ADA, bucket, 'other', {}),
  ]);
  t.is(told, undefined);
  granted(deleted);
  const everything = { bucket, prefix: 'k', delimiter: '', keyMarker: '', versionMarker: '', limit: 100 };
  const { versions } = granted(await cloud.objects.listVersions(ADA, everything));
  const { version } = granted(made);
  t.deepEqual(
    versions.map((each) => each.version),
    version === undefined ? ['null'] : [version, 'null'],
  );
  await close();
});
