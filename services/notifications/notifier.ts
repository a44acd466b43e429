// Owns the destinations of notifications, as the operator named them: each is followed by itself.

import { setMaxListeners } from 'node:events';
import { newId } from '#core/kernel/ids.ts';
import type { Cursor } from '#core/log/event-log.ts';
import { DestinationFollower, type FollowerFigures, type FollowerParts } from './destination-follower.ts';
import type { Receiver } from './webhook.ts';

export interface DestinationReport extends Readonly<FollowerFigures> {
  readonly destination: string;
  /** Undefined where another gateway knows. */
  readonly lag: { readonly events: number; readonly seconds: number } | undefined;
}

export class Notifier {
  readonly #followers: readonly DestinationFollower[];
  readonly #receivers: readonly Receiver[];
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(parts: FollowerParts, receivers: ReadonlyMap<string, Receiver>) {
    setMaxListeners(0, this.#stopping.signal);
    const holder = newId(parts.random);
    this.#receivers = [...receivers.values()];
    this.#followers = [...receivers].map(
      ([name, receiver]) => new DestinationFollower(name, receiver, holder, parts),
    );
    this.#running = Promise.all(this.#followers.map((follower) => follower.run(this.#stopping.signal)));
  }

  get destinations(): number {
    return this.#followers.length;
  }

  report(tail: Cursor): readonly DestinationReport[] {
    return this.#followers.map((follower) => ({
      ...{ destination: follower.name, ...follower.counters, lag: follower.lag(tail) },
    }));
  }

  /** Resolves when nothing is told any more and the log knows what was. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#receivers.map((receiver) => receiver.close()));
  }
}
