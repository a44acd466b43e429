// Owns the rows of the catalog, of the limits of projects and of federation: each is one row, with a list
// for each sort of entry.

import type { CatalogEvent, QuotaEvent } from '#core/identity/catalog.events.ts';
import type { FederationEvent } from '#core/identity/federation.events.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import type { RowWriter } from '../store/projection.ts';
import { jsonRow, readJson } from './identity-rows.ts';

type EntryEvent = CatalogEvent | QuotaEvent | FederationEvent;
type Entry = Readonly<Record<string, unknown>>;

/** For each sort of event the list that it changes, and by what its entries are told apart. */
const LISTS: Readonly<Record<EntryEvent['type'], readonly [list: string, id: string]>> = {
  RegionSet: ['regions', 'regionId'],
  RegionDeleted: ['regions', 'regionId'],
  ServiceSet: ['services', 'serviceId'],
  ServiceDeleted: ['services', 'serviceId'],
  EndpointSet: ['endpoints', 'endpointId'],
  EndpointDeleted: ['endpoints', 'endpointId'],
  RegisteredLimitSet: ['registered', 'limitId'],
  RegisteredLimitDeleted: ['registered', 'limitId'],
  LimitSet: ['limits', 'limitId'],
  LimitDeleted: ['limits', 'limitId'],
  ProviderSet: ['providers', 'providerId'],
  ProviderDeleted: ['providers', 'providerId'],
  ProtocolSet: ['protocols', 'entryId'],
  ProtocolDeleted: ['protocols', 'entryId'],
  MappingSet: ['mappings', 'mappingId'],
  MappingDeleted: ['mappings', 'mappingId'],
};

const EMPTY = {
  catalog: { regions: [], services: [], endpoints: [] },
  quotas: { registered: [], limits: [] },
  federation: { providers: [], protocols: [], mappings: [] },
};

export function applyEntry(
  key: keyof typeof EMPTY,
  event: EntryEvent,
  recorded: RecordedEvent,
  rows: RowWriter,
): void {
  const [list, id] = LISTS[event.type];
  const row = rows.get(key);
  const before: Readonly<Record<string, readonly Entry[]>> = row ? readJson(row) : EMPTY[key];
  const entries = before[list] ?? [];
  const entry: Entry = event.data;
  const at = entries.findIndex((each) => each[id] === entry[id]);
  const after = [...entries];
  if (event.type.endsWith('Deleted')) after.splice(at, at < 0 ? 0 : 1);
  else if (at < 0) after.push(entry);
  else after[at] = entry;
  rows.put(key, jsonRow({ ...before, [list]: after, revision: recorded.revision }));
}
