// Owns the figures and the health of one running cloud, as the admin port shows them. What a figure means is
// told in its help text. Nothing is gathered until it is asked for, but the two counters of each request.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AccessEntry } from '#gateways/edge/http-server.ts';
import { type Health, processMetrics } from './admin-server.ts';
import type { OpenCloud } from './compose.ts';

export interface CloudMetrics {
  readonly registry: Registry;
  /** Told of each request once, after it. */
  access(entry: AccessEntry): void;
}

export function cloudMetrics(open: OpenCloud): CloudMetrics {
  const registry = processMetrics();
  const registers = [registry];
  const requests = new Map<string, { method: string; status: number; count: number }>();
  new Counter({
    name: 'strata_s3_requests_total',
    help: 'Requests answered by the S3 gateway, by method and status.',
    labelNames: ['method', 'status'],
    registers,
    collect() {
      this.reset();
      for (const { method, status, count } of requests.values()) this.inc({ method, status }, count);
    },
  });
  const seconds = new Histogram({
    name: 'strata_s3_request_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  });
  gauge(registers, 'strata_log_events', 'Events on the log.', async () => (await open.log.tail())[0] ?? 0);
  gauge(
    registers,
    'strata_read_model_lag_events',
    'Events on the log that the read models have not applied yet.',
    async () => ((await open.log.tail())[0] ?? 0) - (open.runner.applied()[0] ?? 0),
  );
  gauge(
    registers,
    'strata_read_model_checkpoint_lag_events',
    'Events that a restart would apply again.',
    async () => ((await open.log.tail())[0] ?? 0) - (open.runner.checkpoint()[0] ?? 0),
  );
  gauge(
    registers,
    'strata_writes_in_flight',
    'Bodies under way to the storage nodes.',
    () => open.writes.count,
  );
  deviceGauges(open, registers);
  return {
    registry,
    access({ method, status, durationMs }) {
      const key = `${method} ${status}`;
      const known = requests.get(key);
      if (known) known.count++;
      else requests.set(key, { method, status, count: 1 });
      seconds.observe(durationMs / 1_000);
    },
  };
}

function gauge(
  registers: Registry[],
  name: string,
  help: string,
  read: () => number | Promise<number>,
): void {
  new Gauge({
    name,
    help,
    registers,
    async collect() {
      this.set(await read());
    },
  });
}

function deviceGauges(open: OpenCloud, registers: Registry[]): void {
  const figures = {
    chunks: 'Chunks that the device holds.',
    liveBytes: 'Bytes of live chunks.',
    fileBytes: 'Bytes of the files of the device.',
    quarantined: 'Damaged chunks put aside, until the repairer has replaced them.',
    full: '1 when the device takes no more chunks.',
  } as const;
  for (const [figure, help] of Object.entries(figures) as [keyof typeof figures, string][]) {
    new Gauge({
      name: `strata_device_${figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      help,
      labelNames: ['device'],
      registers,
      collect() {
        for (const [device, store] of open.nodes.stores) {
          this.set({ device: String(device) }, Number(store.status()[figure]));
        }
      },
    });
  }
}

/** The cloud serves while its log is open, its read models follow, and a quorum of devices takes chunks. */
export async function cloudHealth(open: OpenCloud): Promise<Health> {
  const health: Record<string, string> = {};
  try {
    const behind = open.runner.whenCaughtUp(await open.log.tail());
    health.log = 'ok';
    if (behind) await behind;
    health.readModels = 'ok';
  } catch {
    health.log ??= 'closed or damaged';
    health.readModels ??= 'stopped';
  }
  const stores = [...open.nodes.stores.values()];
  const taking = stores.filter((store) => !store.status().full).length;
  health.devices = taking * 2 > stores.length ? 'ok' : `${taking} of ${stores.length} devices take chunks`;
  return health;
}
