// Owns the look at the clock now and then, by which either end of the wire judges what is late.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

/**
 * Calls `look` every limits.wireTickMs until the signal says stop. A look that comes late by more than that
 * is left out: this process stood still, and what came meanwhile is to be read before anybody is blamed.
 */
export async function everyTick(
  clock: Clock,
  signal: AbortSignal,
  look: (nowMs: number) => void,
): Promise<void> {
  let lastMs = clock.monotonicMs();
  while (!signal.aborted) {
    await clock.sleep(limits.wireTickMs, signal);
    const nowMs = clock.monotonicMs();
    const isLate = nowMs - lastMs > 2 * limits.wireTickMs;
    lastMs = nowMs;
    if (!isLate && !signal.aborted) look(nowMs);
  }
}
