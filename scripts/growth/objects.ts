// Measures how the cost grows with the objects: `tsx scripts/growth/objects.ts [OBJECTS]`. The built program
// in one process; at each number of objects the processor time that it spends on a PUT, a GET and a page of
// a list, its memory, its files, a restart, and a pass of the collector. One JSON line each.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { openCloud } from '#cli/compose.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { processorMs, residentMib } from '../bench/process-figures.ts';
import { S3Lanes } from './s3-lanes.ts';

const MOST = Number(process.argv[2] ?? 1_000_000);
const STEPS = [10_000, 30_000, 100_000, 300_000, 1_000_000].filter((objects) => objects <= MOST);
const SIZE_BYTES = 256;
const CLIENTS = 32;
const PUTS = 5_000;
const GETS = 10_000;
const PAGES = 100;

const report = (line: object) => console.log(JSON.stringify({ growth: 'objects', ...line }));

function sizeOf(directory: string): number {
  return Number(spawnSync('du', ['-sb', directory], { encoding: 'utf8' }).stdout.split('\t')[0]);
}

async function usedMicros(strata: StrataProcess, count: number, work: () => Promise<void>): Promise<number> {
  const before = processorMs(strata.pid);
  await work();
  return Math.round(((processorMs(strata.pid) - before) * 1_000) / count);
}

async function lanesOf(strata: StrataProcess): Promise<S3Lanes> {
  const { hostname: host, port } = new URL(strata.endpoint);
  const { accessKey, secretKey } = JSON.parse(readFileSync(strata.credentialsFile, 'utf8'));
  return S3Lanes.open({ host, port: Number(port), accessKey, secretKey }, CLIENTS);
}

async function measureRestart(strata: StrataProcess, how: 'stop' | 'kill') {
  await strata[how]();
  const startedMs = systemClock.monotonicMs();
  await strata.restart();
  return {
    ms: Math.round(systemClock.monotonicMs() - startedMs),
    processorMs: processorMs(strata.pid),
    residentMib: residentMib(strata.pid),
  };
}

/** In this process, for nobody else can ask for a pass. */
async function measureCollector(directory: string) {
  const options = { directory, clock: systemClock, random: systemRandom, logger: pino({ level: 'silent' }) };
  const open = await openCloud({
    ...options,
    onFault: (error) => {
      throw error;
    },
  });
  const before = process.cpuUsage();
  const { seen } = await open.collector.runOnce();
  const { user, system } = process.cpuUsage(before);
  const chunks = [...open.nodes.stores.values()].map((store) => store.status().chunks);
  await open.close();
  return { seen, microsEach: Number(((user + system) / seen).toFixed(2)), chunks };
}

const strata = await StrataProcess.start();
try {
  let lanes = await lanesOf(strata);
  await lanes.makeBucket();
  let there = 0;
  for (const objects of STEPS) {
    await lanes.put(there, objects - PUTS, SIZE_BYTES);
    const putMicros = await usedMicros(strata, PUTS, () => lanes.put(objects - PUTS, objects, SIZE_BYTES));
    there = objects;
    const getMicros = await usedMicros(strata, GETS, () => lanes.get(GETS, objects, SIZE_BYTES));
    const listMicros = await usedMicros(strata, PAGES, () => lanes.list(PAGES, objects));
    const memoryMib = residentMib(strata.pid);
    lanes.close();
    const orderly = await measureRestart(strata, 'stop');
    const afterKill = await measureRestart(strata, 'kill');
    await strata.stop();
    const bytes = {
      log: sizeOf(join(strata.data, 'log')),
      readModels: sizeOf(join(strata.data, 'read-models')),
      nodes: sizeOf(join(strata.data, 'nodes')),
    };
    const collector = await measureCollector(strata.data);
    report({
      ...{ objects, putMicros, getMicros, listMicros, residentMib: memoryMib },
      ...{ orderly, afterKill, bytes, collector },
    });
    await strata.restart();
    lanes = await lanesOf(strata);
  }
  lanes.close();
} finally {
  await strata.remove();
}
