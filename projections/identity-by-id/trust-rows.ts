// Owns the rows of trusts: each by its id, and under both users whom it concerns.

import { identityIdOf } from '#core/identity/directory.events.ts';
import type { TrustEvent } from '#core/identity/trusts.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import type { RowWriter } from '../store/projection.ts';
import type { StoredTrust } from './identity-by-id.query.ts';
import { jsonRow, readJson, rowKey } from './identity-rows.ts';

export function applyTrust(event: TrustEvent, { stream, revision }: RecordedEvent, rows: RowWriter): void {
  const id = identityIdOf(stream);
  if (event.type === 'TrustCreated') {
    const { uses, ...data } = event.data;
    const trust: StoredTrust = { id, ...data, ...(uses !== undefined && { usesLeft: uses }), revision };
    rows.put(rowKey.trust(id), jsonRow(trust));
    for (const userId of [data.trustorId, data.trusteeId])
      rows.put(rowKey.trustOf(userId, id), jsonRow(true));
    return;
  }
  const row = rows.get(rowKey.trust(id));
  assert(row, `${event.type} of the trust ${id}, which is not there`);
  const trust = readJson<StoredTrust>(row);
  if (event.type === 'TrustUsed') {
    const usesLeft = trust.usesLeft === undefined ? {} : { usesLeft: Math.max(0, trust.usesLeft - 1) };
    rows.put(rowKey.trust(id), jsonRow({ ...trust, ...usesLeft, revision }));
    return;
  }
  rows.delete(rowKey.trust(id));
  for (const userId of [trust.trustorId, trust.trusteeId]) rows.delete(rowKey.trustOf(userId, id));
  rows.put(rowKey.gone('trust', id), jsonRow(revision));
}
