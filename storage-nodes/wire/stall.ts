// Owns the noticing of what should go on and does not, from looks at a counter now and then.

export class Stall {
  #sinceMs: number;
  #progress = 0;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /**
   * @param waits whether anything should go on.
   * @param progress grows while it does.
   * @returns whether it has waited without progress for longer than `limitMs`.
   */
  lasts(waits: boolean, progress: number, nowMs: number, limitMs: number): boolean {
    if (!waits || progress !== this.#progress) {
      this.#progress = progress;
      this.#sinceMs = nowMs;
      return false;
    }
    return nowMs - this.#sinceMs > limitMs;
  }
}
