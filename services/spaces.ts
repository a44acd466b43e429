// Owns the changing of what is known of all that a project has together. Guarantee: what a change replaced is
// known exactly, so that of changes at the same time none leaves the key of a secret behind.

import type { PropertyChanges } from '#core/buckets/properties.ts';
import { spaceDecider } from '#core/buckets/spaces.decider.ts';
import { spaceStream, spaces } from '#core/buckets/spaces.events.ts';
import { isRejected } from '#core/kernel/decider.ts';
import type { Actor } from '#core/log/event-log.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import { type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import type { SecretProperties } from './secret-properties.ts';

type SpaceContext = Pick<ServiceContext, 'log' | 'runner' | 'buckets'>;

export async function changeSpace(
  context: SpaceContext,
  secrets: SecretProperties,
  actor: Actor,
  owner: string,
  changes: PropertyChanges,
): Promise<void> {
  const { buckets, log } = context;
  const stream = spaceStream(owner);
  await secrets.changing<never>(stream, changes, async (sealed, replacing) => {
    const outcome = await runCommand(log, {
      decider: spaceDecider,
      lifecycle: spaces,
      stream,
      command: { type: 'DescribeSpace', ...sealed },
      actor,
      view: () => {
        const { properties, revision } = buckets.space(owner);
        replacing(properties);
        return { state: spaceDecider.initial, expect: revision ?? 'none' };
      },
      refresh: () => untilCaughtUp(context),
    });
    if (outcome && !isRejected(outcome)) await untilApplied(context, outcome);
    return undefined;
  });
}

/** Whoever has the id next begins with nothing; and what was secret is gone. */
export async function clearSpace(
  context: SpaceContext,
  secrets: SecretProperties,
  actor: Actor,
  owner: string,
): Promise<void> {
  const unset = Object.keys(context.buckets.space(owner).properties);
  if (unset.length > 0) await changeSpace(context, secrets, actor, owner, { set: {}, unset });
}
