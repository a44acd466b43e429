// Owns what every program of a cluster knows of it, wherever it has it from: gateways from the log, storage
// nodes from a gateway.

import type { DevicesState } from '#core/devices/devices.decider.ts';
import type { Ring } from '#core/ring/ring.ts';

export interface ClusterView {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly state: Pick<DevicesState, 'nodes' | 'devices'>;
  /** The ring in force; one without devices before there is one. */
  ring(): Ring;
  /** Calls `listener` after each change until the result is called. */
  onChange(listener: () => void): () => void;
}
