// Owns the rows of accounts-by-id: accounts, their access keys by id, and the names in use.

import { type AccountEvent, accounts } from '#core/identity/accounts.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow } from '../store/row-value.ts';
import {
  type AccountRow,
  accessKeyRowKey,
  accessKeyValue,
  accountRowKey,
  accountValue,
  nameRowKey,
  readAccount,
  removedRowKey,
} from './account-rows.ts';

const STREAM_PREFIX = 'accounts/';

export const accountsById: Projection = {
  name: 'accounts-by-id',
  version: 2,
  families: [accounts.family],
  apply(recorded: RecordedEvent, rows: RowWriter): void {
    const id = recorded.stream.slice(STREAM_PREFIX.length);
    const event = accounts.decode(recorded.type, recorded.payload);
    if (event.type === 'AccountCreated') {
      const { revision, timeMs: createdMs } = recorded;
      rows.put(accountRowKey(id), accountValue({ id, ...event.data, createdMs, revision, accessKeyIds: [] }));
      rows.put(nameRowKey(event.data.name), Buffer.from(id));
      return;
    }
    const before = rows.get(accountRowKey(id));
    assert(before, `${event.type} of the account ${id}, which is not there`);
    if (event.type === 'AccountRemoved') remove(readAccount(before), recorded, rows);
    else if (event.type === 'SubjectKeyMade') {
      const changed = { ...readAccount(before), revision: recorded.revision, keyBlob: event.data.keyBlob };
      rows.put(accountRowKey(id), accountValue(changed));
    } else changeKeys(readAccount(before), event, recorded, rows);
  },
};

type KeyEvent = Extract<AccountEvent, { type: `AccessKey${string}` }>;

function changeKeys(account: AccountRow, event: KeyEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const { accessKeyId } = event.data;
  const others = account.accessKeyIds.filter((other) => other !== accessKeyId);
  if (event.type === 'AccessKeyCreated') {
    const { sealedSecret } = event.data;
    const key = { accountId: account.id, sealedSecret, createdMs: recorded.timeMs };
    rows.put(accessKeyRowKey(accessKeyId), accessKeyValue(key));
    others.push(accessKeyId);
  } else {
    rows.delete(accessKeyRowKey(accessKeyId));
  }
  const changed = { ...account, revision: recorded.revision, accessKeyIds: others };
  rows.put(accountRowKey(account.id), accountValue(changed));
}

function remove(account: AccountRow, recorded: RecordedEvent, rows: RowWriter): void {
  for (const accessKeyId of account.accessKeyIds) rows.delete(accessKeyRowKey(accessKeyId));
  rows.delete(accountRowKey(account.id));
  rows.put(removedRowKey(account.id), eventRow(accounts.table.events.AccountRemoved.id, recorded));
  // A name that another account has taken since stays its own.
  const holder = rows.get(nameRowKey(account.name));
  if (holder && Buffer.from(holder).toString() === account.id) rows.delete(nameRowKey(account.name));
}
