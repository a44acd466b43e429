// Owns the life of an account: who may call, and with which access keys. Stream `accounts/<accountId>`.
// Secrets are encrypted under the account's own key (core/identity/subject-keys.ts), so that the log never
// has them in clear.

import { bytes, optional, text } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

export const accounts = lifecycle('accounts', {
  statuses: ['absent', 'active', 'removed'],
  initial: 'absent',
  events: {
    AccountCreated: {
      id: 1,
      from: ['absent', 'removed'],
      to: 'active',
      data: { name: text(1), email: optional(text(2)), canonicalId: text(3), role: text(4) },
    },
    AccessKeyCreated: {
      id: 2,
      from: ['active'],
      to: 'active',
      data: { accessKeyId: text(1), sealedSecret: bytes(2) },
    },
    AccessKeyRevoked: { id: 3, from: ['active'], to: 'active', data: { accessKeyId: text(1) } },
    AccountRemoved: { id: 4, from: ['active'], to: 'removed', data: {} },
    /** The blob of the key under which the account's secrets are sealed: made with the first of them. */
    SubjectKeyMade: { id: 5, from: ['active'], to: 'active', data: { keyBlob: text(1) } },
  },
});

export type AccountEvent = EventOf<typeof accounts.table>;

export const accountStream = (accountId: string): string => `accounts/${accountId}`;
