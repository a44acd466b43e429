// Owns the figures and the health of one running program, as the admin port shows them. What a figure means
// is told in its help text. Nothing is gathered until it is asked for, but the two counters of each request.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Cursor } from '#core/log/event-log.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { AccessEntry } from '#gateways/edge/http-server.ts';
import { type Health, processMetrics } from './admin-server.ts';
import type { OpenCloud } from './compose.ts';
import type { DaemonStatus, NodeStatus } from './control-messages.ts';
import { inTime } from './in-time.ts';
import { ringReport } from './ring-report.ts';

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
  const tail = async () => eventsOf(await inTime(open.clock, open.log.tail()));
  gauge(registers, 'strata_log_up', '1 while the log answers.', () =>
    tail().then(
      () => 1,
      () => 0,
    ),
  );
  gauge(registers, 'strata_log_events', 'Events on the log.', tail);
  gauge(
    registers,
    'strata_read_model_lag_events',
    'Events on the log that the read models have not applied yet.',
    async () => (await tail()) - eventsOf(open.runner.applied()),
  );
  gauge(
    registers,
    'strata_read_model_checkpoint_lag_events',
    'Events that a restart would apply again.',
    async () => (await tail()) - eventsOf(open.runner.checkpoint()),
  );
  ringGauge(registers, () => open.cluster.ring());
  gauge(registers, 'strata_nodes_down', 'Nodes of the cluster that do not answer.', async () => {
    const { nodes } = ringReport(open.cluster.state, open.cluster.ring(), await open.nodes.status());
    return nodes.filter(({ state }) => state === 'down').length;
  });
  gauge(
    registers,
    'strata_writes_in_flight',
    'Bodies under way to the storage nodes.',
    () => open.writes.count,
  );
  deviceGauges(registers, () => open.nodes.status());
  observedGauges(registers, open);
  daemonGauges(registers, () => open.daemons.status());
  notificationFigures(registers, open);
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

/** Events before a cursor, of all partitions. */
export function eventsOf(cursor: Cursor): number {
  return cursor.reduce((sum, offset) => sum + (offset ?? 0), 0);
}

/** A figure that cannot be had is left out; the others are told. */
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
      this.reset();
      try {
        this.set(await read());
      } catch {
        this.remove();
      }
    },
  });
}

export function ringGauge(registers: Registry[], ring: () => Ring): void {
  gauge(registers, 'strata_ring_version', 'Version of the ring in force.', () => ring().version);
}

/** What this process has seen of the nodes, which they cannot say of themselves. */
function observedGauges(registers: Registry[], { cluster, nodes }: OpenCloud): void {
  new Gauge({
    name: 'strata_clock_skew_seconds',
    help: "How far the node's clock is ahead of this process's.",
    labelNames: ['node'],
    registers,
    async collect() {
      this.reset();
      for (const { node, skewMs } of await nodes.status()) this.set({ node }, skewMs / 1_000);
    },
  });
  new Gauge({
    name: 'strata_device_serving',
    help: '0 while the device is slow, suspect or down as this process sees it.',
    labelNames: ['node', 'device'],
    registers,
    collect() {
      this.reset();
      for (const device of cluster.ring().devices) {
        const { state } = nodes.chunks.health.condition(device);
        this.set({ node: device.node, device: String(device.id) }, state === 'up' ? 1 : 0);
      }
    },
  });
}

/** What destinations of notifications were told, and what not yet. */
function notificationFigures(registers: Registry[], { notifier, log, clock }: OpenCloud): void {
  const labelNames = ['destination'];
  const counters = {
    delivered: 'Notifications that the destination has taken.',
    retried: 'Attempts to tell the destination that were not the first of their notification.',
    dropped: 'Notifications that the destination refused again and again.',
  } as const;
  for (const [figure, help] of Object.entries(counters) as [keyof typeof counters, string][]) {
    new Counter({
      ...{ name: `strata_notifications_${figure}_total`, help, labelNames, registers },
      collect() {
        this.reset();
        for (const report of notifier.report([])) {
          this.inc({ destination: report.destination }, report[figure]);
        }
      },
    });
  }
  const lags = {
    events: 'Events on the log that the destination was not told of, nor need not be.',
    seconds: 'Age of the oldest notification that the destination has not taken.',
  } as const;
  for (const [figure, help] of Object.entries(lags) as [keyof typeof lags, string][]) {
    new Gauge({
      ...{ name: `strata_notifications_lag_${figure}`, help, labelNames, registers },
      async collect() {
        this.reset();
        if (notifier.destinations === 0) return;
        const tail = await inTime(clock, log.tail()).catch(() => undefined);
        for (const { destination, lag } of tail ? notifier.report(tail) : []) {
          if (lag) this.set({ destination }, lag[figure]);
        }
      },
    });
  }
}

/** What devices and daemons say of themselves. */
export function deviceGauges(registers: Registry[], nodes: () => Promise<readonly NodeStatus[]>): void {
  const figures = {
    chunks: 'Chunks that the device holds.',
    liveBytes: 'Bytes of live chunks.',
    fileBytes: 'Bytes of the files of the device.',
    quarantined: 'Damaged chunks put aside, until the replicator has replaced them.',
    full: '1 when the device takes no more chunks.',
  } as const;
  for (const [figure, help] of Object.entries(figures) as [keyof typeof figures, string][]) {
    new Gauge({
      name: `strata_device_${figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      help,
      labelNames: ['node', 'device'],
      registers,
      async collect() {
        this.reset();
        for (const { node, devices } of await nodes()) {
          for (const status of devices) {
            this.set({ node, device: String(status.device) }, Number(status[figure]));
          }
        }
      },
    });
  }
}

/** What the daemons of this process are doing. */
export function daemonGauges(registers: Registry[], daemons: () => readonly DaemonStatus[]): void {
  const figures = {
    passes: 'Passes of the daemon that ended well, since the start.',
    failures: 'Passes of the daemon that failed, since the start.',
    running: '1 while a pass is under way.',
  } as const;
  for (const [figure, help] of Object.entries(figures) as [keyof typeof figures, string][]) {
    new Gauge({
      name: `strata_daemon_${figure}`,
      help,
      labelNames: ['daemon'],
      registers,
      collect() {
        for (const status of daemons()) this.set({ daemon: status.name }, Number(status[figure]));
      },
    });
  }
  new Gauge({
    name: 'strata_daemon_last_pass',
    help: 'What the last pass of the daemon counted.',
    labelNames: ['daemon', 'figure'],
    registers,
    collect() {
      this.reset();
      for (const { name: daemon, report } of daemons()) {
        for (const [figure, value] of Object.entries(reportOf(report))) {
          if (typeof value === 'number') this.set({ daemon, figure }, value);
        }
      }
    },
  });
}

/** @param report JSON; empty before the first pass */
function reportOf(report: string): object {
  const value: unknown = report === '' ? undefined : JSON.parse(report);
  return typeof value === 'object' && value !== null ? value : {};
}

/** The cloud serves while its log is open, its read models follow, and a quorum of devices takes chunks. */
export async function cloudHealth(open: OpenCloud): Promise<Health> {
  const health: Record<string, string> = {};
  try {
    const tail = await inTime(open.clock, open.log.tail());
    health.log = 'ok';
    await inTime(open.clock, open.runner.whenCaughtUp(tail));
    health.readModels = 'ok';
  } catch {
    health.log ??= 'does not answer';
    health.readModels ??= 'stopped';
  }
  const there = open.cluster.state.devices.length;
  const statuses = await open.nodes.status();
  const taking = statuses.flatMap(({ devices }) => devices).filter(({ full }) => !full).length;
  health.devices = taking * 2 > there ? 'ok' : `${taking} of ${there} devices take chunks`;
  return health;
}
