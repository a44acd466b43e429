// Owns the proof of the consistency that a client is promised, by one gateway and by two: eight clients at
// once on few keys see one order of things.

import test from 'ava';
import { openGatewaysOnOneLog } from '#tests/support/gateways-on-one-log.ts';
import { judgeRandomClients, SEED } from '#tests/support/random-clients.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

test(`eight clients of one process see one order of things (seed ${SEED})`, async (t) => {
  const strata = await StrataProcess.start();
  try {
    await judgeRandomClients(t, [strata.client(undefined, { maxAttempts: 1 })]);
  } finally {
    await strata.remove();
  }
});

test(`eight clients of two gateways on one log see one order of things (seed ${SEED})`, async (t) => {
  const shared = await openGatewaysOnOneLog(2);
  try {
    await judgeRandomClients(t, shared.doors);
  } finally {
    await shared.close();
  }
});
