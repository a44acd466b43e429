// Owns the third kind of error, the bug. A failed assertion is never caught to go on: the process stops,
// restarts and replays. Input from outside is validated at the gateway, never asserted.

/** A broken invariant of our own code. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** Throws {@link Bug} unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Compiles only where every case of a union has been handled. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`);
}
