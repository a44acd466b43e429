// Owns the process that kill.suite.ts kills: 64 callers that append and print `offset text` of what was
// acknowledged.

import { writeSync } from 'node:fs';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from './embedded-log.ts';

const [directory = '', run = '', segmentBytes = ''] = process.argv.slice(2);
const CALLERS = 64;
const log = await EmbeddedLog.open({
  directory,
  clock: systemClock,
  random: systemRandom,
  segmentBytes: Number(segmentBytes),
});

async function call(caller: number): Promise<void> {
  for (let round = 0; ; round++) {
    const text = `${run}-${caller}-${round}`;
    const { position } = await log.append({
      stream: `notes/${caller}/${round % 3}`,
      events: [{ type: 'Noted', payload: Buffer.from(text) }],
      expect: 'any',
      actor: { user: 'ada', project: 'notes', requestId: text },
    });
    // Synchronous, so that what is told was told before the kill.
    writeSync(1, `${position.offset} ${text}\n`);
  }
}

await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)));
