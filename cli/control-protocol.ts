// Owns the words of the control socket: HTTP with JSON over a Unix socket in the data directory. Whoever may
// open the socket (mode 600: the owner of the data) may operate the cloud; there is no other authentication.
//
//   POST   /users                    { name, email?, role? }   -> NewAccount
//   GET    /users                                              -> ListedAccount[]
//   DELETE /users/:name
//   POST   /users/:name/keys                                   -> NewAccessKey
//   DELETE /keys/:accessKeyId
//   POST   /replay/:projection                                 -> Line<ReplayResult>, a line each
//   GET    /ring                                               -> RingReport
//   POST   /ring/nodes               { node, zone?, weight }
//   PUT    /ring/weights             { target, weight }
//   DELETE /ring/nodes/:node         { gone }
//   POST   /ring/rebalance                                     -> Line<Rebalanced>, a line each
//   GET    /doctor                                             -> Finding[]
//
// A result is 200 with the value (204 without), a rejection 409 with `{ rejected }`, a fault 500 with `{
// fault }`.

import { closeSync, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Fault, type FaultCode, isFault } from '#core/kernel/errors.ts';
import type { Progress } from './operations.ts';

export interface FaultBody {
  readonly fault: { readonly code: FaultCode; readonly message: string };
}

/** One line of a long answer: progress, and at the end the result or what prevented it. */
export type Line<Result> =
  | { readonly progress: Progress }
  | { readonly result: Result }
  | { readonly rejected: string }
  | FaultBody;

export function faultBody(error: unknown): FaultBody {
  if (isFault(error)) return { fault: { code: error.code, message: error.message } };
  return { fault: { code: 'closed', message: 'the program could not do it; its log says why' } };
}

export function faultOf(body: FaultBody): Fault {
  return new Fault(body.fault.code, body.fault.message);
}

export const controlSocketOf = (dataDirectory: string): string => join(dataDirectory, 'control.sock');

/** What sockaddr_un holds, less its closing zero (unix(7)); some systems have 104 instead of 108. */
const SOCKET_PATH_BYTES = 103;

/**
 * Calls `use` with a path to the socket that is short enough for the system. A longer one goes by way of an
 * open descriptor of its directory, where the system has such paths.
 */
export function withSocketPath<Result>(path: string, use: (path: string) => Result): Result {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return use(path);
  const directory = openSync(dirname(path), 'r');
  try {
    return use(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
}
