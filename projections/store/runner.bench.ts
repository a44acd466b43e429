// Measures the read models: replay into LevelDB, look-ups, pages of a listing alone and under writes, folded
// listings.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Cursor, FollowOptions, RecordedEvent } from '#core/log/event-log.ts';
import { objectStream, objects } from '#core/objects/objects.events.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { objectsByKey } from '../objects-by-key/objects-by-key.projection.ts';
import { createObjectsByKey } from '../objects-by-key/objects-by-key.query.ts';
import { openLevelStore } from './level-store.ts';
import { createProjectionRunner } from './runner.ts';

const ID = 'ab'.repeat(16);

/** A log whose events are made as they are read, so that its own cost is not what is measured. */
class SyntheticLog {
  readonly #name: (number: number) => string;
  readonly #payload: Uint8Array;
  #events: number;
  #wake: () => void = () => {};

  constructor(events: number, name: (number: number) => string) {
    this.#events = events;
    this.#name = name;
    this.#payload = objects.encode({
      type: 'ObjectPut',
      data: {
        sizeBytes: 4_096,
        etag: 'd41d8cd98f00b204e9800998ecf8427e',
        segments: [{ blob: ID, sizeBytes: 4_096, chunkBytes: 1_048_576, partNumber: 0 }],
        contentType: 'application/octet-stream',
        headers: {},
        metadata: { mtime: '1700000000.123456789' },
        checksumAlgorithm: 'crc64nvme',
        checksum: 'AAAAAAAAAAA=',
        checksumType: 'full-object',
        storageClass: 'STANDARD',
        owner: ID,
      },
    });
  }

  grow(by: number): void {
    this.#events += by;
    this.#wake();
  }

  async tail(): Promise<Cursor> {
    return [this.#events];
  }

  async *follow({ from, signal }: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    signal?.addEventListener('abort', () => this.#wake());
    for (let next = from[0] ?? 0; !signal?.aborted; ) {
      const end = Math.min(next + limits.followBatchEvents, this.#events);
      const batch: RecordedEvent[] = [];
      for (; next < end; next++) batch.push(this.#event(next));
      if (batch.length > 0) yield batch;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #event(offset: number): RecordedEvent {
    return {
      id: ID,
      type: 'ObjectPut',
      payload: this.#payload,
      stream: this.#name(offset),
      revision: 0,
      position: { partition: 0, offset },
      timeMs: 1_700_000_000_000 + offset,
      actor: SYSTEM,
      correlationId: ID,
      causationId: ID,
    };
  }
}

/** Runs and prints how many a second, and what one cost all cores together. */
async function measure(bench: string, facts: object, run: () => number | Promise<number>): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const startCpu = process.cpuUsage();
  const count = await run();
  const cpu = process.cpuUsage(startCpu);
  const perSecond = Math.round((count / (systemClock.monotonicMs() - startMs)) * 1_000);
  const cpuMicroseconds = Number(((cpu.user + cpu.system) / count).toFixed(2));
  console.log(JSON.stringify({ bench, ...facts, perSecond, cpuMicroseconds }));
}

async function open(directory: string, log: SyntheticLog) {
  const store = await openLevelStore(directory);
  const onFault = (error: unknown) => {
    throw error;
  };
  const projections = [objectsByKey];
  const runner = await createProjectionRunner({ log, store, projections, clock: systemClock, onFault });
  const close = async () => {
    await runner.close();
    await store.close();
  };
  return { runner, objectsByKey: createObjectsByKey(runner.table(objectsByKey.name)), close };
}

async function replay(directory: string, log: SyntheticLog, names: string): Promise<void> {
  const [events = 0] = await log.tail();
  await measure('read-model-replay', { names }, async () => {
    const { runner, close } = await open(directory, log);
    await runner.whenCaughtUp([events]);
    await close();
    return events;
  });
  const startMs = systemClock.monotonicMs();
  const { runner, close } = await open(directory, log);
  await runner.whenCaughtUp([events]);
  const ms = Math.round(systemClock.monotonicMs() - startMs);
  console.log(JSON.stringify({ bench: 'read-model-reopen', events, ms }));
  await close();
}

/** Photos under few folders: what is listed folded. */
const folderKey = (number: number) => `folder-${number % 8}/image-${String(number).padStart(8, '0')}.jpg`;
/** Names without any order, which is the hardest for a sorted store. */
const scatteredKey = (number: number) => (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');

const WHOLE_BUCKET = { bucket: 'photos', prefix: '', delimiter: '', after: '', limit: 1_000 };

async function lookUps(directory: string, log: SyntheticLog): Promise<void> {
  const { objectsByKey: query, close } = await open(directory, log);
  const [rows = 0] = await log.tail();
  const spread = (number: number) => folderKey((number * 7_919) % rows);
  const asked = (ask: (key: string) => unknown) => () => {
    for (let number = 0; number < 50_000; number++) ask(spread(number));
    return 50_000;
  };
  await measure(
    'read-model-get',
    { rows },
    asked((key) => query.get('photos', key)),
  );
  await measure(
    'read-model-revision',
    { rows },
    asked((key) => query.revision('photos', key)),
  );
  await measure('read-model-folded-list', { rows, folders: 8 }, async () => {
    for (let page = 0; page < 1_000; page++) {
      const { commonPrefixes } = await query.list({ ...WHOLE_BUCKET, delimiter: '/' });
      if (commonPrefixes.length !== 8) throw new Error(`${commonPrefixes.length} folders`);
    }
    return 1_000;
  });
  await close();
}

/** Pages of a bucket of 10,000 keys, asked for by some clients at once. */
async function pages(directory: string, putsPerSecond: number): Promise<void> {
  const log = new SyntheticLog(10_000, (number) => objectStream('photos', folderKey(number % 10_000)));
  const { runner, objectsByKey: query, close } = await open(directory, log);
  await runner.whenCaughtUp([10_000]);
  await runner.flush();
  const startMs = systemClock.monotonicMs();
  const passedMs = () => systemClock.monotonicMs() - startMs;
  let puts = 0;
  const client = async () => {
    let [listed, after] = [0, ''];
    while (passedMs() < 2_000) {
      const page = await query.list({ ...WHOLE_BUCKET, after });
      after = page.truncated ? page.last : '';
      listed++;
      const due = Math.floor((passedMs() / 1_000) * putsPerSecond) - puts;
      if (due > 0) log.grow(due);
      puts += Math.max(0, due);
    }
    return listed;
  };
  await measure('read-model-list', { keys: 10_000, page: 1_000, clients: 4, putsPerSecond }, async () => {
    const listed = await Promise.all([client(), client(), client(), client()]);
    return listed.reduce((all, one) => all + one, 0);
  });
  await close();
}

const root = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  const folders = new SyntheticLog(1_000_000, (number) => objectStream('photos', folderKey(number)));
  await replay(join(root, 'folders'), folders, 'by folder');
  await lookUps(join(root, 'folders'), folders);
  const scattered = new SyntheticLog(300_000, (number) => objectStream('photos', scatteredKey(number)));
  await replay(join(root, 'scattered'), scattered, 'scattered');
  await pages(join(root, 'pages'), 0);
  await pages(join(root, 'pages-written'), 5_000);
} finally {
  rmSync(root, { recursive: true, force: true });
}
