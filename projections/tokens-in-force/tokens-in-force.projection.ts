// Owns the rows of tokens-in-force: the keys that verify tokens, and the tokens that are void before their
// time. A revocation is kept until its token would have ended: the next ones after that take it away.

import { tokens } from '#core/identity/tokens.events.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Projection, RowReader, RowWriter } from '../store/projection.ts';
import type { StoredTokenKeys } from './tokens-in-force.query.ts';

const KEYS = 'keys';
/** Numbers of the buckets with revocations, in order. A bucket is a chain of those that end about then. */
const BUCKETS = 'buckets';
const bucketKey = (bucket: number) => `bucket/${bucket}`;
const revokedKey = (auditId: string) => `revoked/${auditId}`;

export const tokensInForce: Projection = {
  name: 'tokens-in-force',
  version: 1,
  families: [tokens.family],
  apply(recorded, rows) {
    const event = tokens.decode(recorded.type, recorded.payload);
    if (event.type === 'TokenRevoked') {
      dropEnded(recorded.timeMs, rows);
      if (event.data.expiresMs > recorded.timeMs) revoke(event.data.auditId, event.data.expiresMs, rows);
      return;
    }
    const { keys } = readTokenKeys(rows);
    const others = keys.filter(({ keyId }) => keyId !== event.data.keyId);
    if (event.type === 'TokenKeyMade') {
      const { keyId, keyBlob, sealedKey } = event.data;
      const sealed = Buffer.from(sealedKey).toString('base64');
      others.push({ keyId, keyBlob, sealedKey: sealed, madeMs: recorded.timeMs });
    }
    rows.put(KEYS, json({ keys: others, revision: recorded.revision }));
  },
};

export function readTokenKeys(rows: Pick<RowReader, 'get'>): {
  keys: StoredTokenKeys['keys'][number][];
  revision: number | undefined;
} {
  return read(rows, KEYS) ?? { keys: [], revision: undefined };
}

export function isRevokedIn(rows: RowReader, auditId: string): boolean {
  return rows.get(revokedKey(auditId)) !== undefined;
}

function revoke(auditId: string, expiresMs: number, rows: RowWriter): void {
  if (rows.get(revokedKey(auditId))) return;
  const bucket = Math.floor(expiresMs / limits.revocationBucketMs);
  const head = read<string>(rows, bucketKey(bucket));
  rows.put(revokedKey(auditId), json(head ?? null));
  rows.put(bucketKey(bucket), json(auditId));
  if (head !== undefined) return;
  const buckets = [...(read<number[]>(rows, BUCKETS) ?? []), bucket].sort((a, b) => a - b);
  rows.put(BUCKETS, json(buckets));
}

function dropEnded(nowMs: number, rows: RowWriter): void {
  const buckets = read<number[]>(rows, BUCKETS) ?? [];
  const ended = buckets.filter((bucket) => (bucket + 1) * limits.revocationBucketMs <= nowMs);
  if (ended.length === 0) return;
  for (const bucket of ended) {
    let auditId = read<string | null>(rows, bucketKey(bucket)) ?? null;
    while (auditId !== null) {
      const next: string | null = read<string | null>(rows, revokedKey(auditId)) ?? null;
      rows.delete(revokedKey(auditId));
      auditId = next;
    }
    rows.delete(bucketKey(bucket));
  }
  rows.put(BUCKETS, json(buckets.filter((bucket) => !ended.includes(bucket))));
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function read<Value>(rows: Pick<RowReader, 'get'>, key: string): Value | undefined {
  const row = rows.get(key);
  return row && JSON.parse(Buffer.from(row).toString());
}
