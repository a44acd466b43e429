// Tests how events are shown: decoded, whole, and without secrets.

import test from 'ava';
import { accounts } from '#core/identity/accounts.events.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { objects } from '#core/objects/objects.events.ts';
import { readableEvent } from './readable-event.ts';

const recorded = (stream: string, type: string, payload: Uint8Array): RecordedEvent => ({
  ...{ stream, type, payload, id: 'id', revision: 3, position: { partition: 0, offset: 9 } },
  timeMs: Date.UTC(2026, 0, 1),
  actor: { user: 'u', project: 'p', requestId: 'r' },
  ...{ correlationId: 'c', causationId: 'b' },
});

test('an event is shown with its payload and its envelope', (t) => {
  const event = objects.encode({ type: 'ObjectDeleted', data: {} });
  t.deepEqual(readableEvent(recorded('objects/b/k', 'ObjectDeleted', event)), {
    position: '0:9',
    time: '2026-01-01T00:00:00.000Z',
    stream: 'objects/b/k',
    revision: 3,
    type: 'ObjectDeleted',
    data: {},
    actor: { user: 'u', project: 'p', requestId: 'r' },
    id: 'id',
    causationId: 'b',
    correlationId: 'c',
  });
});

test('a sealed secret stays sealed', (t) => {
  const sealedSecret = Buffer.from('sealed bytes');
  const payload = accounts.encode({ type: 'AccessKeyCreated', data: { accessKeyId: 'A', sealedSecret } });
  const shown = readableEvent(recorded('accounts/a', 'AccessKeyCreated', payload));
  t.deepEqual(shown.data, { accessKeyId: 'A', sealedSecret: '[sealed]' });
});

test('an event of a later version is shown as far as it is known', (t) => {
  for (const [stream, type] of [
    ['objects/b/k', 'ObjectFrozen'],
    ['moons/x', 'MoonRisen'],
    ['constructor/x', 'toString'],
    ['objects/b/k', 'constructor'],
  ] as const) {
    t.deepEqual(readableEvent(recorded(stream, type, Buffer.alloc(5))).data, { undecoded: '5 bytes' });
  }
});
