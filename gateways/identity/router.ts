// Owns the way from a method and a path to an operation, or to the answer that there is none.

import findMyWay, { type HTTPMethod } from 'find-my-way';
import type { Operation } from './call.ts';
import { IdentityError } from './errors.ts';
import { OPERATIONS } from './operations/operations.ts';
import type { OperationName } from './policy.ts';

interface Found {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** What Keystone has and this gateway has not, by the beginning of its path. */
const UNBUILT = [
  ...['/v3/OS-FEDERATION', '/v3/auth/OS-FEDERATION', '/v3/OS-OAUTH1', '/v3/OS-OAUTH2'],
  ...['/v3/OS-EP-FILTER', '/v3/OS-ENDPOINT-POLICY', '/v3/OS-SIMPLE-CERT', '/v3/OS-REVOKE'],
  '/v3/policies',
];
const UNBUILT_BELOW = /^\/v3\/domains\/([^/]+\/)?config(\/|$)/;

const METHODS: readonly HTTPMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

export interface Router {
  /** @param path below `/identity` @throws IdentityError 404, 405, 501 */
  find(method: string, path: string): Found;
}

export function createRouter(): Router {
  const router = findMyWay({ ignoreTrailingSlash: true, maxParamLength: 1_024 });
  const ofRoute = new Map<() => void, { name: OperationName; operation: Operation }>();
  for (const [name, operation] of Object.entries(OPERATIONS) as [OperationName, Operation][]) {
    const mark = () => {};
    ofRoute.set(mark, { name, operation });
    router.on(operation.method, operation.path, mark);
  }
  const look = (method: HTTPMethod, path: string) => {
    const found = router.find(method, path);
    const known = found && ofRoute.get(found.handler as () => void);
    return known && { ...known, params: found.params };
  };
  return {
    find(method, path) {
      const known = METHODS.find((each) => each === method);
      const found = known && look(known, path);
      if (found) return found;
      const isUnbuilt = UNBUILT.some((start) => path === start || path.startsWith(`${start}/`));
      if (isUnbuilt || UNBUILT_BELOW.test(path)) {
        throw new IdentityError(501, 'The action you have requested has not been implemented.');
      }
      if (METHODS.some((each) => look(each, path))) {
        throw new IdentityError(405, 'The method is not allowed for the requested URL.');
      }
      throw new IdentityError(404, `The resource could not be found: ${path.slice(0, 256)}`);
    },
  };
}
