// Owns the deletion of many objects and containers by one request
// (https://docs.openstack.org/swift/latest/middleware.html, "Bulk Delete"). Each is judged by its own row.

import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { decodePath } from '#gateways/edge/query-string.ts';
import { authoriseToo } from '../authorise.ts';
import { documentBody, type SwiftCall } from '../call.ts';
import { BUCKET_REJECTIONS, type ErrorStatus, OBJECT_REJECTIONS, SwiftError, statusLine } from '../errors.ts';
import { type Address, encodedPath } from '../paths.ts';
import type { OperationName } from '../policy.ts';
import { inTurn } from '../rate-limits.ts';
import { answerHeaders, JSON_TYPE, replyText, TEXT } from '../reply.ts';
import { keepDeleted } from './archives.ts';

interface Deletions {
  deleted: number;
  notFound: number;
  readonly errors: (readonly [path: string, status: string])[];
}

export async function deleteMany(call: SwiftCall): Promise<void> {
  const body = await documentBody(call, limits.swiftBulkBytes);
  const lines = body.toString('latin1').split('\n');
  const paths: string[] = [];
  for (const line of lines) {
    const text = line.trim();
    if (text === '') continue;
    const path = decodePath(text);
    if (path === undefined) throw new SwiftError(412, 'Invalid UTF8 or contains NULL');
    paths.push(path.startsWith('/') ? path : `/${path}`);
    if (paths.length > limits.swiftBulkDeletes) {
      throw new SwiftError(413, `Maximum Bulk Deletes: ${limits.swiftBulkDeletes} per request`);
    }
  }
  await replyDeletions(call, await deletePaths(call, paths));
}

/** @param paths `/container/object` or `/container` */
export async function deletePaths(call: SwiftCall, paths: readonly string[]): Promise<Deletions> {
  const outcome: Deletions = { deleted: 0, notFound: 0, errors: [] };
  for (const path of paths) {
    const status = await deletePath(call, path);
    if (status === undefined) outcome.deleted++;
    else if (status === 404) outcome.notFound++;
    else outcome.errors.push([path, statusLine(status)]);
  }
  return outcome;
}

/** Undefined where it is gone. */
async function deletePath(call: SwiftCall, path: string): Promise<ErrorStatus | undefined> {
  const { buckets, objects } = call.gateway.cloud;
  const { project } = call;
  const slash = path.indexOf('/', 1);
  if (slash < 0 || slash === path.length - 1) {
    const name = slash < 0 ? path.slice(1) : path.slice(1, slash);
    const address = { project, container: name, object: '' };
    if (!(await isTurn(call, 'delete_container', address))) return 498;
    const outcome = await buckets.delete(call.caller, name);
    return isRejected(outcome) ? BUCKET_REJECTIONS[outcome.rejected] : undefined;
  }
  const [container, object] = [path.slice(1, slash), path.slice(slash + 1)];
  if (!call.isOwn && !(await mayDelete(call, container, object))) return 403;
  if (!(await isTurn(call, 'delete_object', { project, container, object }))) return 498;
  if (await keepDeleted(call.gateway, call.caller, { container, object })) return undefined;
  const found = await objects.stored(call.caller, container, object);
  const outcome = isRejected(found) ? found : await objects.delete(call.caller, container, object, {});
  return isRejected(outcome) ? OBJECT_REJECTIONS[outcome.rejected] : undefined;
}

async function isTurn(call: SwiftCall, operation: OperationName, address: Address): Promise<boolean> {
  try {
    await inTurn(call, operation, address);
    return true;
  } catch (error) {
    if (error instanceof SwiftError && error.status === 498) return false;
    throw error;
  }
}

async function mayDelete(call: SwiftCall, container: string, object: string): Promise<boolean> {
  try {
    await authoriseToo(call, 'delete_object', { project: call.project, container, object });
    return true;
  } catch (error) {
    if (error instanceof SwiftError) return false;
    throw error;
  }
}

export async function replyDeletions(call: SwiftCall, outcome: Deletions): Promise<void> {
  const { deleted, notFound, errors } = outcome;
  const status = errors.length > 0 ? '400 Bad Request' : deleted + notFound > 0 ? '200 OK' : '404 Not Found';
  replyBulk(call, { 'Number Deleted': deleted, 'Number Not Found': notFound }, status, '', errors);
}

/** How it went with many things at once: said in the body of a 200. */
export function replyBulk(
  call: SwiftCall,
  counts: Readonly<Record<string, number>>,
  status: string,
  text: string,
  failed: Deletions['errors'],
): void {
  const errors = failed.map(([path, why]) => [encodedPath(path), why] as const);
  if (call.request.headers.accept?.includes('application/json')) {
    const document = { ...counts, Errors: errors, 'Response Status': status, 'Response Body': text };
    replyText(call, 200, JSON_TYPE, JSON.stringify(document), answerHeaders(call));
    return;
  }
  const lines = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  lines.push(`Response Body: ${text}`, `Response Status: ${status}`, 'Errors:');
  lines.push(...errors.map((error) => error.join(', ')));
  replyText(call, 200, TEXT, `${lines.join('\n')}\n`, answerHeaders(call));
}
