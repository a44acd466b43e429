// Owns the TypeScript shapes of the messages in proto/strata/control, as proto-loader gives and takes them.

export interface JoinRequest {
  readonly cluster: string;
  readonly node: string;
  readonly zone: string;
  readonly address: string;
  readonly controlAddress: string;
  readonly disks: readonly string[];
}

export interface JoinReply {
  readonly cluster: string;
  readonly devices: readonly number[];
  /** Of a state that has the node in it. */
  readonly revision: number;
}

export interface ClusterStateMessage {
  readonly cluster: string;
  readonly revision: number;
  readonly ring: Uint8Array;
  readonly nodes: readonly {
    readonly name: string;
    readonly zone: string;
    readonly address: string;
    readonly controlAddress: string;
  }[];
  readonly devices: readonly {
    readonly id: number;
    readonly node: string;
    readonly zone: string;
    readonly weightMilli: number;
  }[];
}

export interface DeviceStatus {
  readonly device: number;
  readonly chunks: number;
  readonly liveBytes: number;
  readonly fileBytes: number;
  readonly quarantined: number;
  readonly full: boolean;
}

export interface DaemonStatus {
  readonly name: string;
  readonly running: boolean;
  readonly done: number;
  readonly total: number;
  readonly passes: number;
  readonly failures: number;
  /** JSON; empty before the first pass. */
  readonly report: string;
}

export interface NodeStatus {
  readonly node: string;
  readonly zone: string;
  readonly version: string;
  readonly nowMs: number;
  readonly ringVersion: number;
  readonly devices: readonly DeviceStatus[];
  readonly daemons: readonly DaemonStatus[];
}

export interface RunOnceProgress {
  readonly done: number;
  readonly total: number;
  readonly report: string;
}
