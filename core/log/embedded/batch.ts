// Owns what gathers while a sync is under way: the records of all appends that wait, encoded one behind the
// other in the very buffer that will be written, so that nothing is copied twice.

import { limits, MIB } from '#core/kernel/limits.ts';
import type { Appended } from '../event-log.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';
import type { StreamEntry } from './stream-table.ts';

const USUAL_BYTES = Math.min(1 * MIB, limits.logBatchBytes);

/** One append on its way to the disk; until it is there it is also what guards see of its stream. */
export interface PendingAppend extends StreamEntry {
  readonly stream: string;
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
  readonly h3: number;
  readonly appended: Appended;
  resolve: (appended: Appended) => void;
  reject: (error: unknown) => void;
  /** Appends refused because of this one: told, with its error if any, when its outcome is known. */
  losers: ((error: unknown) => void)[] | undefined;
}

/** Where a batch will stand, decided by its first append. */
export interface BatchPlace {
  readonly segment: number;
  readonly position: number;
  readonly firstOffset: number;
  /** Whether the segment has to be made first. */
  readonly rolls: boolean;
}

export class Batch {
  buffer = Buffer.allocUnsafeSlow(USUAL_BYTES);
  endBytes = FRAME_HEADER_BYTES;
  records = 0;
  appends: PendingAppend[] = [];
  place: BatchPlace = { segment: 0, position: 0, firstOffset: 0, rolls: false };

  get isEmpty(): boolean {
    return this.records === 0;
  }

  clear(): void {
    this.endBytes = FRAME_HEADER_BYTES;
    this.records = 0;
    this.appends = [];
    if (this.buffer.length > USUAL_BYTES) this.buffer = Buffer.allocUnsafeSlow(USUAL_BYTES);
  }

  /** Makes room for `bytes` more; false when the batch would become too large for one frame. */
  reserve(bytes: number): boolean {
    const wanted = this.endBytes + bytes;
    if (wanted <= this.buffer.length) return true;
    if (!this.isEmpty && wanted > limits.logBatchBytes) return false;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.endBytes);
    this.buffer = larger;
    return true;
  }
}
