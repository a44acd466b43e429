// Owns the Ring port: where a partition's replicas live. Immutable; a new plan is a new ring with a higher
// version.

/** One disk of one storage node. */
export interface Device {
  /** Small whole number, never reused within a ring. */
  readonly id: number;
  readonly node: string;
  readonly zone: string;
  /** Relative share of the data; 0 drains the device. */
  readonly weight: number;
}

export interface Ring {
  readonly version: number;
  readonly replicas: number;
  /** There are 2^partitionPower partitions. */
  readonly partitionPower: number;
  readonly devices: readonly Device[];
  /**
   * The devices that hold the partition's replicas, primary first; always `replicas` different ones if
   * there are as many.
   */
  primaries(partition: number): readonly Device[];
  /** The remaining devices in the order in which they stand in, first from other zones. */
  handoffs(partition: number): Iterable<Device>;
}
