// Owns the list of puts under way, in order of their start, so that those that take too long are found
// without a timer for each. Budget per put: four assignments.

import { limits } from '#core/kernel/limits.ts';
import type { RunningPut } from './quorum-put.ts';

const HUNG_BEATS = Math.ceil(limits.deviceHungMs / limits.heartbeatMs);
const HOPELESS_BEATS = Math.ceil(limits.putGivenUpMs / limits.heartbeatMs);

export class RunningPuts {
  /** Counts the heartbeats: the only clock that a put needs. */
  beats = 0;
  #oldest: RunningPut | undefined;
  #youngest: RunningPut | undefined;

  add(put: RunningPut): void {
    put.older = this.#youngest;
    if (this.#youngest) this.#youngest.younger = put;
    else this.#oldest = put;
    this.#youngest = put;
  }

  remove(put: RunningPut): void {
    if (put.older) put.older.younger = put.younger;
    else this.#oldest = put.younger;
    if (put.younger) put.younger.older = put.older;
    else this.#youngest = put.older;
    put.older = undefined;
    put.younger = undefined;
  }

  /** One heartbeat has passed: devices that keep a put waiting for too long are given up. */
  beat(): void {
    this.beats++;
    let put = this.#oldest;
    while (put && this.beats - put.startedBeat > HUNG_BEATS) {
      const { younger } = put;
      put.giveUpHung(this.beats - put.startedBeat > HOPELESS_BEATS);
      put = younger;
    }
  }
}
