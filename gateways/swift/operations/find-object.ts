// Owns what is found where a request looks: whether its time is over, what it stands for, and whether who
// asks may read what it is made of. Guarantee: each step from a link to what it names is judged as if that
// had been asked for itself.

import { limits } from '#core/kernel/limits.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { isOver } from '#services/expirer.ts';
import { authoriseToo } from '../authorise.ts';
import { accept, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import type { Address } from '../paths.ts';
import { versionThere } from './versions.ts';

/** @throws SwiftError 404 also for one whose time is over */
export function living(call: SwiftCall, object: StoredObject): StoredObject {
  if (isOver(object, call.gateway.clock.nowMs())) throw new SwiftError(404);
  return object;
}

/**
 * Whoever was let in by a list must be let in to whatever the object is made of.
 * @throws SwiftError 401, 403
 */
export async function judgeParts(call: SwiftCall, { assembly }: StoredObject): Promise<void> {
  // What a link names is judged when it is followed.
  if (!assembly || assembly.link || call.isOwn) return;
  const { project } = call;
  const containers = new Set(assembly.parts.map(({ bucket }) => bucket));
  if (assembly.bucket !== '') containers.add(assembly.bucket);
  for (const container of containers) {
    if (container !== '') await authoriseToo(call, 'get_object', { project, container, object: 'any' });
  }
}

export interface Found {
  /** As if it had been for what was found. */
  readonly call: SwiftCall;
  readonly object: StoredObject;
}

/** What is there itself, a link too; or one of its versions. @throws SwiftError */
export async function foundThere(call: SwiftCall, version?: string): Promise<Found> {
  if (version !== undefined) return { call, object: await versionThere(call, version) };
  const { objects } = call.gateway.cloud;
  const object = accept(await objects.get(call.caller, call.container, call.object, 'keep'));
  return { call, object: living(call, object) };
}

/** What is there, or what the link that is there stands for in the end. @throws SwiftError */
export async function foundBy(call: SwiftCall, version?: string): Promise<Found> {
  const etags = new Set<string>();
  let found = await foundThere(call, version);
  for (let links = 0; found.object.assembly?.link; links++) {
    if (links === limits.links) {
      throw new SwiftError(409, `Too many levels of symbolic links, maximum allowed is ${limits.links}`);
    }
    const { etag } = found.object.assembly.link;
    if (etag !== '') etags.add(etag);
    const address = targetOf(found);
    const authorised = await authoriseToo(found.call, 'get_object', address);
    found = await foundThere({ ...found.call, ...address, ...authorised });
  }
  for (const etag of etags) {
    if (etag !== found.object.etag) throw new SwiftError(409, 'X-Symlink-Target-Etag does not match');
  }
  return found;
}

/** What a link names. */
export function targetOf({ call, object: { assembly } }: Found): Address {
  const { bucket: container = '', prefix: object = '', link } = assembly ?? {};
  return { project: link?.account || call.project, container, object };
}
