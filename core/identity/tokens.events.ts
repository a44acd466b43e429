// Owns the keys that sign tokens, and which tokens are void before their time. Stream `tokens/identity/all`.

import { bytes, text, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

const OPEN = { from: ['open'], to: 'open' } as const;

export const tokens = lifecycle('tokens', {
  statuses: ['open'],
  initial: 'open',
  events: {
    /** The newest signs; older ones still verify. Each is sealed under a key of its own. */
    TokenKeyMade: {
      id: 1,
      ...OPEN,
      data: { keyId: text(1), keyBlob: text(2), sealedKey: bytes(3) },
    },
    /** Nothing that it signed can still be valid. */
    TokenKeyRetired: { id: 2, ...OPEN, data: { keyId: text(1) } },
    /** `expiresMs`: when the token would have ended by itself. */
    TokenRevoked: { id: 3, ...OPEN, data: { auditId: text(1), expiresMs: uint(2) } },
  },
});

export type TokenEvent = EventOf<typeof tokens.table>;
