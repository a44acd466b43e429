// Owns the proof that a proposal comes back from its record as it was, and the record of what must not
// change: where streams lie, and when a proposal counts.

import test from 'ava';
import fc from 'fast-check';
import { Fault } from '#core/kernel/errors.ts';
import type { AppendRequest } from '../event-log.ts';
import {
  decodeRecord,
  encodeGenesis,
  encodeProposal,
  eventIdOf,
  type Proposal,
  partitionOf,
} from './envelope.ts';
import { ProposalWindow } from './proposal-window.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const name = text.map((rest) => `notes/${rest || 'k'}`);
const expectation = fc.oneof(fc.constantFrom('any' as const, 'none' as const), fc.nat(2 ** 31));
const request: fc.Arbitrary<AppendRequest> = fc.record(
  {
    stream: name,
    events: fc.array(fc.record({ type: text, payload: fc.uint8Array({ maxLength: 200 }) }), { minLength: 1 }),
    expect: expectation,
    alsoAt: fc.array(fc.record({ stream: name, revision: fc.oneof(fc.constant('none' as const), fc.nat()) })),
    actor: fc.record({ user: text, project: text, requestId: text }),
    correlationId: text,
    causationId: text,
  },
  { requiredKeys: ['stream', 'events', 'expect', 'alsoAt', 'actor'] },
);

test('a proposal comes back as it was, and one changed bit is noticed', (t) => {
  fc.assert(
    fc.property(request, fc.nat(2 ** 40), fc.nat(2 ** 45), fc.nat(), (wanted, sequence, base, bit) => {
      const proposal = {
        proposer: '00ff10203040a0b0',
        sequence,
        base,
        timeMs: 1_800_000_000_000,
        request: wanted,
      };
      const bytes = encodeProposal(proposal);
      const decoded = decodeRecord(bytes) as Proposal;
      const plain = (value: AppendRequest) => JSON.stringify({ ...value, events: value.events.map(eventOf) });
      t.is(plain(decoded.request), plain(ordered(wanted)));
      t.deepEqual({ ...decoded, request: 0, kind: 0 }, { ...proposal, request: 0, kind: 0 });
      const at = 4 + (bit % (bytes.length - 4));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      t.throws(() => decodeRecord(bytes), { instanceOf: Fault });
    }),
    { numRuns: 200 },
  );
});

const eventOf = ({ type, payload }: { type: string; payload: Uint8Array }) => [type, [...payload]];

/** With its fields in the order of the decoder. */
function ordered({ stream, events, actor, alsoAt = [], expect, ...ids }: AppendRequest): AppendRequest {
  const { correlationId, causationId } = ids;
  return {
    ...{ stream, events, actor, alsoAt, expect },
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
  };
}

test('a genesis comes back as it was, and what a later version wrote is refused', (t) => {
  const genesis = { logId: '0123456789abcdef0123456789abcdef', partitions: 12, window: 77 };
  const bytes = encodeGenesis(genesis);
  t.deepEqual(decodeRecord(bytes), { kind: 'genesis', ...genesis });
  bytes[0] = 2;
  t.throws(() => decodeRecord(bytes), { message: /format 2.*later version/ });
});

test('ids of events are those of proposer, sequence and index', (t) => {
  const events = [1, 2, 3].map(() => ({ type: 'Noted', payload: Buffer.alloc(0) }));
  const actor = { user: '', project: '', requestId: '' };
  const made = { stream: 'notes/a', events, expect: 'any' as const, actor };
  const proposal: Proposal = {
    ...{ kind: 'proposal', proposer: '0011223344556677', sequence: 258 },
    base: 0,
    timeMs: 0,
    request: made,
  };
  t.is(eventIdOf(proposal, 2), '00112233445566770000000001020002');
});

test('where a stream lies never changes, and keys are spread evenly', (t) => {
  const lie = ['notes/a', 'objects/a/key', 'buckets/photos', 'objects/photos/2026/ü.jpg', 'accounts/root'];
  t.deepEqual(
    lie.map((stream) => partitionOf(stream, 16)),
    [3, 3, 6, 6, 10],
  );
  const counts = Array<number>(8).fill(0);
  for (let key = 0; key < 8_000; key++) {
    const partition = partitionOf(`buckets/bucket-${key}`, 8);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) t.true(count > 850 && count < 1_150, `${counts}`);
});

test('a proposal counts once: repeated, overtaken or stale it is void', (t) => {
  const window = new ProposalWindow(10);
  const meet = (proposer: string, sequence: number, base: number, offset: number) =>
    window.meet({ proposer, sequence, base }, offset);
  t.is(meet('a', 5, 0, 3), 'new');
  t.is(meet('a', 5, 0, 4), 'repeated');
  t.is(meet('a', 4, 0, 5), 'repeated');
  t.is(meet('b', 1, 4, 6), 'new');
  t.is(meet('a', 6, 2, 12), 'new');
  t.is(meet('a', 7, 2, 13), 'stale');
  t.is(meet('a', 7, 3, 13), 'new');
});

test('forgetting a proposer changes no verdict, whatever comes of it later', (t) => {
  const proposals = fc.array(
    fc.record({
      proposer: fc.nat(3),
      step: fc.nat(6),
      lag: fc.nat(12),
      repeat: fc.boolean(),
      pick: fc.nat(),
    }),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(proposals, (steps) => {
      const window = new ProposalWindow(8);
      const remembered = new Map<string, number>();
      const made: { proposer: string; sequence: number; base: number }[] = [];
      const bases = new Map<string, number>();
      let offset = 0;
      for (const { proposer, step, lag, repeat, pick } of steps) {
        offset += 1 + step;
        const name = String(proposer);
        // A proposer's bases rise with its sequences, and none lies beyond the log.
        const base = Math.max(bases.get(name) ?? 0, offset - lag);
        const fresh = { proposer: name, sequence: made.length, base: Math.min(base, offset) };
        const proposal = repeat && made.length > 0 ? (made[pick % made.length] ?? fresh) : fresh;
        if (proposal === fresh) {
          made.push(fresh);
          bases.set(name, fresh.base);
        }
        const isStale = offset - proposal.base > 8;
        const isNew = !isStale && proposal.sequence > (remembered.get(proposal.proposer) ?? -1);
        if (isNew) remembered.set(proposal.proposer, proposal.sequence);
        t.is(window.meet(proposal, offset) === 'new', isNew);
        t.true(window.seen().every(([, , last]) => offset - last <= 8));
      }
    }),
    { numRuns: 300 },
  );
});
