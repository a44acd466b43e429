// Owns the questions "which keys verify tokens?" and "was this token revoked?".

import type { RowReader } from '../store/projection.ts';
import { isRevokedIn, readTokenKeys } from './tokens-in-force.projection.ts';

export interface StoredTokenKeys {
  /** Oldest first; the last signs. */
  readonly keys: readonly {
    readonly keyId: string;
    /** Names the key under which it is sealed. */
    readonly keyBlob: string;
    /** In base64. */
    readonly sealedKey: string;
    readonly madeMs: number;
  }[];
  /** Of the stream of keys. */
  readonly revision: number | undefined;
}

export interface TokensInForce {
  /** Grows with each change of an answer. */
  changes(): number;
  keys(): StoredTokenKeys;
  isRevoked(auditId: string): boolean;
}

export function createTokensInForce(rows: RowReader): TokensInForce {
  return {
    changes: () => rows.changes,
    keys: () => readTokenKeys(rows),
    isRevoked: (auditId) => isRevokedIn(rows, auditId),
  };
}
