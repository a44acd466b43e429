// Owns which account, container and object a request addresses, and what may be their names. Guarantee: a
// name reaches the cloud as the client wrote it, never normalised.

import { limits } from '#core/kernel/limits.ts';
import { decodePath } from '#gateways/edge/query-string.ts';
import { SwiftError } from './errors.ts';

export const ROOT = '/object-store';
export const ACCOUNT_PREFIX = 'AUTH_';

export interface Address {
  /** The project; empty where the path names none. */
  readonly project: string;
  /** Empty: the account itself. */
  readonly container: string;
  /** Empty: the container itself. */
  readonly object: string;
}

/**
 * @param rawPath below `/object-store/v1/`
 * @throws SwiftError 412
 */
export function addressOf(rawPath: string): Address {
  const path = decodePath(rawPath);
  if (path === undefined || path.includes('\0')) throw invalidName();
  const [account = '', container = ''] = path.split('/', 2);
  const object = path.slice(account.length + container.length + 2);
  if (!account.startsWith(ACCOUNT_PREFIX) || (container === '' && object !== '')) {
    throw new SwiftError(412, 'Bad URL');
  }
  return { project: account.slice(ACCOUNT_PREFIX.length), container, object };
}

/** Of headers that name an object: `[/]container/object`, percent-encoded. @throws SwiftError 412 */
export function namedPath(header: string, value: string): { container: string; object: string } {
  const path = decodePath(value);
  if (path === undefined || path.includes('\0')) throw invalidName();
  const bare = path.startsWith('/') ? path.slice(1) : path;
  const slash = bare.indexOf('/');
  if (slash <= 0 || slash === bare.length - 1) {
    throw new SwiftError(412, `${header} header must be of the form <container name>/<object name>`);
  }
  return { container: bare.slice(0, slash), object: bare.slice(slash + 1) };
}

/** @throws SwiftError 400 */
export function checkNames({ container, object }: Address): void {
  checkLength('Container', container, limits.swiftContainerNameBytes);
  checkLength('Object', object, limits.s3KeyBytes);
}

function checkLength(kind: string, name: string, maxBytes: number): void {
  if (name.length * 3 <= maxBytes) return;
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes > maxBytes) {
    throw new SwiftError(400, `${kind} name length of ${sizeBytes} longer than ${maxBytes}`);
  }
}

const invalidName = () => new SwiftError(412, 'Invalid UTF8 or contains NULL');

/** From the root of the service on, as clients ask for it. */
export function pathOf({ project, container, object }: Address): string {
  return `${ROOT}/v1/${encodedPath(`${ACCOUNT_PREFIX}${project}/${container}/${object}`)}`;
}

/** As in a path, its slashes left. */
export function encodedPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
