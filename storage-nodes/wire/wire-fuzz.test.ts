// Owns the proof that wrong frames cost their own connection and nothing else, on both ends; a million of
// them in wire-fuzz.engines.test.ts.

import test from 'ava';
import { fuzzClient, fuzzServer } from '#tests/support/wire-fuzz.ts';

const FRAMES = 20_000;

test.serial('a node outlives whatever frames are sent to it, and serves on', (t) => fuzzServer(t, FRAMES, 1));

test.serial('a gateway outlives whatever a node answers, and settles every call', (t) =>
  fuzzClient(t, FRAMES, 2),
);
