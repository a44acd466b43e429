// Owns how often an account and a container may be asked for what costs a listing
// (https://docs.openstack.org/swift/latest/middleware.html, "Rate Limiting"): whoever is early waits, whoever
// would wait too long is refused. Each gateway counts for itself. Guarantee: what is remembered is bounded;
// what was used longest ago is forgotten, and begins anew.

import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { SwiftCall } from './call.ts';
import { SwiftError } from './errors.ts';
import type { Address } from './paths.ts';
import type { OperationName } from './policy.ts';

/** From so many objects on; between two of them the rate lies on a line. */
export interface SizedRate {
  readonly objects: number;
  readonly perSecond: number;
}

export interface RateLimits {
  /** Containers made and deleted. */
  readonly accountPerSecond: number | undefined;
  /** In order of size: objects put, described and deleted. */
  readonly containers: readonly SizedRate[];
  readonly listings: readonly SizedRate[];
  /** Who would have to wait longer is refused. */
  readonly maxSleepSeconds: number;
  /** What was not asked for so long may be made up for. */
  readonly bufferSeconds: number;
  readonly unlimitedProjects: readonly string[];
  readonly refusedProjects: readonly string[];
}

type Counted = 'account' | 'container' | 'listing';

const COUNTED: Partial<Readonly<Record<OperationName, Counted>>> = {
  create_container: 'account',
  delete_container: 'account',
  put_object: 'container',
  update_object: 'container',
  delete_object: 'container',
  list_objects: 'listing',
};
/** Waits that are nearly too long are. */
const GRAIN_MS = 10;

export class Rates {
  readonly limits: RateLimits;
  /** When what was let through so far is paid for, by what is counted; least recently used first. */
  readonly #paidMs = new Map<string, number>();

  constructor(given: RateLimits) {
    this.limits = given;
  }

  /** Milliseconds to wait; undefined where that is too long. */
  wait(key: string, perSecond: number, nowMs: number): number | undefined {
    const { maxSleepSeconds, bufferSeconds } = this.limits;
    const costMs = 1_000 / perSecond;
    const before = this.#paidMs.get(key) ?? Number.NEGATIVE_INFINITY;
    const isLate = nowMs - (before + costMs) > bufferSeconds * 1_000;
    const waitMs = isLate ? 0 : Math.max(before - nowMs, 0);
    if (maxSleepSeconds * 1_000 - waitMs <= GRAIN_MS) return undefined;
    this.#paidMs.delete(key);
    if (this.#paidMs.size >= limits.swiftRatesKept) {
      const [oldest] = this.#paidMs.keys();
      this.#paidMs.delete(oldest as string);
    }
    this.#paidMs.set(key, (isLate ? nowMs : before) + costMs);
    return waitMs;
  }
}

/** Undefined: as often as anybody likes, as an empty container. */
export function rateAt(rates: readonly SizedRate[], objects: number): number | undefined {
  if (objects === 0) return undefined;
  const at = rates.findLastIndex((rate) => rate.objects <= objects);
  const [low, high] = [rates[at], rates[at + 1]];
  if (!low || !high) return low?.perSecond;
  const slope = (high.perSecond - low.perSecond) / (high.objects - low.objects);
  return low.perSecond + (objects - low.objects) * slope;
}

/** Resolves when it is the turn of that. @throws SwiftError 497, 498 */
export async function inTurn(
  call: Pick<SwiftCall, 'gateway' | 'response' | 'caller'>,
  operation: OperationName,
  address: Address,
): Promise<void> {
  const { rates, clock } = call.gateway;
  if (!rates) return;
  const { project, container } = address;
  if (rates.limits.refusedProjects.includes(project)) {
    throw new SwiftError(497, 'Your account has been blacklisted');
  }
  const counted = COUNTED[operation];
  if (!counted || rates.limits.unlimitedProjects.includes(project)) return;
  const perSecond = await rateOf(call, rates.limits, counted, address);
  if (perSecond === undefined) return;
  const key = counted === 'account' ? project : `${counted}/${project}/${container}`;
  const waitMs = rates.wait(key, perSecond, clock.monotonicMs());
  if (waitMs === undefined) throw new SwiftError(498, 'Slow down');
  if (waitMs > 0) await sleep(call, waitMs);
}

async function rateOf(
  { gateway, caller }: Pick<SwiftCall, 'gateway' | 'caller'>,
  { accountPerSecond, containers, listings }: RateLimits,
  counted: Counted,
  { project, container }: Address,
): Promise<number | undefined> {
  if (counted === 'account') return accountPerSecond;
  const sized = counted === 'container' ? containers : listings;
  if (sized.length === 0) return undefined;
  const { buckets } = gateway.cloud;
  const bucket = await buckets.get({ ...caller, accountId: project, role: 'reader' }, container);
  return isRejected(bucket) ? undefined : rateAt(sized, buckets.usage(bucket).objects);
}

/** @throws SwiftError 499 where nobody waits any more */
async function sleep(
  { gateway, response }: Pick<SwiftCall, 'gateway' | 'response'>,
  waitMs: number,
): Promise<void> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  response.on('close', leave);
  await gateway.clock.sleep(waitMs, gone.signal);
  response.off('close', leave);
  if (response.destroyed) throw new SwiftError(499);
}
