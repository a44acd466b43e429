// Owns the patience of whoever looks at a running program: what hangs is told as not answering.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

/** @throws Error after limits.controlCallMs; the work itself goes on, and what it ends with is dropped. */
export async function inTime<Value>(clock: Clock, work: Promise<Value> | Value): Promise<Value> {
  const settled = new AbortController();
  const late = clock.sleep(limits.controlCallMs, settled.signal).then(() => {
    throw new Error(`no answer for ${limits.controlCallMs} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    settled.abort();
  }
}
