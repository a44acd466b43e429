// Owns what all use cases of identity share: the running of a command on the state that a row is, guards on
// whatever else the decision rests on, and names that one thing at a time can bear.

import { type NameState, nameDecider } from '#core/identity/directory.decider.ts';
import { identityStream, names } from '#core/identity/directory.events.ts';
import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { type Decider, isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { EventOf, Lifecycle, LifecycleTable } from '#core/kernel/lifecycle.ts';
import type { Actor, StreamGuard } from '#core/log/event-log.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import type { IdentityById, ThingKind, Things } from '#projections/identity-by-id/identity-by-id.query.ts';
import { type ServiceContext, untilApplied, untilCaughtUp } from '../context.ts';

export interface IdentityContext
  extends Pick<
    ServiceContext,
    'log' | 'runner' | 'random' | 'writes' | 'barrier' | 'identity' | 'tokens' | 'buckets'
  > {
  readonly keys: SubjectKeys;
  /** By name: who is claiming it in this process, so that those who want the same do not rob each other. */
  readonly claiming: Map<string, Promise<unknown>>;
}

const FAMILY = {
  domain: 'domains',
  project: 'projects',
  user: 'users',
  group: 'groups',
  role: 'roles',
} as const satisfies Record<ThingKind, string>;

export type NoSuch = `no-such-${ThingKind}`;
export type NameRefusal = 'name-taken';
type Guards<Refused extends string> = readonly StreamGuard[] | Rejection<Refused>;

interface Run<Table extends LifecycleTable, State, Command, Code extends string, Refused extends string> {
  readonly decider: Decider<State, Command, EventOf<Table>, Code>;
  readonly lifecycle: Lifecycle<Table>;
  /** Of the stream, behind the family. */
  readonly id: string;
  readonly command: Command;
  readonly actor: Actor;
  state(): State;
  /** `any` only where the decision does not depend on the state. */
  revision(): number | undefined | 'any';
  /** What else must be as it was seen. */
  guards?(): Guards<Refused>;
}

/** Resolves when the read model shows what was decided. */
export async function run<
  Table extends LifecycleTable,
  State,
  Command,
  Code extends string,
  Refused extends string = never,
>(
  context: IdentityContext,
  { id, state, revision, guards, ...rest }: Run<Table, State, Command, Code, Refused>,
): Promise<undefined | Rejection<Code | Refused>> {
  const outcome = await runCommand<Table, State, Command, Code, Refused>(context.log, {
    ...rest,
    stream: identityStream(rest.lifecycle.family, id),
    view() {
      const alsoAt = guards?.() ?? [];
      if (isRejected(alsoAt)) return alsoAt;
      return { state: state(), expect: revision() ?? 'none', ...(alsoAt.length > 0 && { alsoAt }) };
    },
    refresh: () => untilCaughtUp(context),
  });
  if (isRejected(outcome)) return outcome;
  if (outcome) await untilApplied(context, outcome);
  return undefined;
}

/** That the thing is there, and does not change meanwhile. */
export function guardOf<Kind extends ThingKind>(
  identity: IdentityById,
  kind: Kind,
  id: string,
): StreamGuard | Rejection<`no-such-${Kind}`> {
  const thing = identity.get(kind, id);
  if (!thing) return { rejected: `no-such-${kind}` };
  return { stream: identityStream(FAMILY[kind], id), revision: thing.revision };
}

/** All of the guards, or the first refusal among them. */
export function allOf<Refused extends string>(
  ...guards: readonly (StreamGuard | Rejection<Refused> | undefined)[]
): Guards<Refused> {
  const held: StreamGuard[] = [];
  for (const guard of guards) {
    if (guard === undefined) continue;
    if (isRejected(guard)) return guard;
    held.push(guard as StreamGuard);
  }
  return held;
}

export interface Named {
  readonly kind: ThingKind;
  /** The domain; empty for domains, and for roles of the whole cloud. */
  readonly scopeId: string;
  readonly name: string;
  /** Of the thing that is to bear the name. */
  readonly id: string;
}

const RACES_MAX = 16;

/** Is given the guard that the append which makes the thing bear the name must have. */
type UseName<Code extends string> = (
  guard: () => StreamGuard | Rejection<'name-lost'>,
) => Promise<undefined | Rejection<Code | 'name-lost'>>;

/**
 * Runs `use` when the thing may bear the name: one after the other in this process, while between processes
 * the log decides. Where `use` tells `name-lost`, another has claimed the name meanwhile.
 */
export async function withName<Code extends string>(
  context: IdentityContext,
  actor: Actor,
  named: Named,
  use: UseName<Code>,
): Promise<undefined | Rejection<Exclude<Code, 'name-lost'> | NameRefusal>> {
  const { claiming } = context;
  const key = claimStreamId(named);
  const mine = (claiming.get(key) ?? Promise.resolve()).then(() => claimAndUse(context, actor, named, use));
  const settled = mine.catch(() => undefined);
  claiming.set(key, settled);
  try {
    return await mine;
  } finally {
    if (claiming.get(key) === settled) claiming.delete(key);
  }
}

async function claimAndUse<Code extends string>(
  context: IdentityContext,
  actor: Actor,
  named: Named,
  use: UseName<Code>,
): Promise<undefined | Rejection<Exclude<Code, 'name-lost'> | NameRefusal>> {
  for (let attempt = 0; attempt < RACES_MAX; attempt++) {
    const claimed = await claim(context, actor, named);
    if (claimed) return claimed;
    const outcome = await use(() => nameGuard(context.identity, named));
    if (outcome?.rejected !== 'name-lost') {
      return outcome as undefined | Rejection<Exclude<Code, 'name-lost'>>;
    }
  }
  throw new Fault('conflict', `the name of a ${named.kind} was claimed by others ${RACES_MAX} times`);
}

const claimStreamId = ({ kind, scopeId, name }: Named): string => `${kind}/${scopeId}/${name}`;

function nameGuard(identity: IdentityById, named: Named): StreamGuard | Rejection<'name-lost'> {
  const held = identity.claim(named.kind, named.scopeId, named.name);
  if (held?.holderId !== named.id) return { rejected: 'name-lost' };
  return { stream: identityStream(names.family, claimStreamId(named)), revision: held.revision };
}

function claim(
  context: IdentityContext,
  actor: Actor,
  named: Named,
): Promise<undefined | Rejection<NameRefusal>> {
  const { identity } = context;
  const { kind, scopeId, name, id } = named;
  const held = () => identity.claim(kind, scopeId, name);
  return run(context, {
    decider: nameDecider,
    lifecycle: names,
    id: claimStreamId(named),
    command: { type: 'ClaimName', kind, holderId: id },
    actor,
    state: (): NameState => {
      const holderId = held()?.holderId;
      return holderId === undefined ? { status: 'free' } : { status: 'claimed', holderId };
    },
    revision: () => held()?.revision,
    guards(): Guards<NameRefusal> {
      const holderId = held()?.holderId;
      if (holderId === undefined || holderId === id) return [];
      if (bears(identity.get(kind, holderId), named)) return { rejected: 'name-taken' };
      // A holder that is just being made, or renamed, must not come to bear it after all.
      const revision = identity.revision(kind, holderId) ?? 'none';
      return [{ stream: identityStream(FAMILY[kind], holderId), revision }];
    },
  });
}

function bears(thing: Things[ThingKind] | undefined, { name, scopeId }: Named): boolean {
  return thing?.name === name && ('domainId' in thing ? thing.domainId : '') === scopeId;
}
