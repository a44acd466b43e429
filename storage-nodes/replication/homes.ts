// Owns the answer to "where should the chunks of this partition be now?".

import type { Device, Ring } from '#core/ring/ring.ts';

/** The primaries, and for each that is gone the next handoff that is not. */
export function homesOf(
  ring: Ring,
  partition: number,
  isGone: (device: Device) => boolean,
): readonly Device[] {
  const primaries = ring.primaries(partition);
  let missing = 0;
  for (const primary of primaries) if (isGone(primary)) missing++;
  if (missing === 0) return primaries;
  const homes = [...primaries];
  for (const handoff of ring.handoffs(partition)) {
    if (missing === 0) break;
    if (isGone(handoff) || handoff.weight === 0) continue;
    homes.push(handoff);
    missing--;
  }
  return homes;
}

export function isAmong(devices: readonly Device[], device: Device): boolean {
  return devices.some((each) => each.id === device.id);
}
