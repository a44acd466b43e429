// Measures the judging of tokens: those judged before, and those seen for the first time.

import { isRejected } from '#core/kernel/decider.ts';
import { openMemoryCloud } from '#tests/support/memory-cloud.ts';

const TOKENS = 1_000;
const ROUNDS = 200;

const { identity, accounts, clock, close } = await openMemoryCloud();
const account = await accounts.addAccount('ada');
if (isRejected(account)) throw new Error(account.rejected);
const user = identity.view.get('user', account.accountId);
if (!user) throw new Error('no user');
const tokens = await identity.tokens(clock);
const ids: string[] = [];
for (let number = 0; number < TOKENS; number++) {
  const scope = { kind: 'project', id: account.accountId } as const;
  const issued = await tokens.issue({ user, methods: ['password'], scope });
  if (issued) ids.push(issued.id);
}

async function measure(bench: string, count: number, judge: () => Promise<void>): Promise<void> {
  const before = process.cpuUsage();
  await judge();
  const { user: userMicros, system } = process.cpuUsage(before);
  const perCpuSecond = Math.round((count * 1e6) / (userMicros + system));
  console.log(JSON.stringify({ bench, count, perCpuSecond }));
}

await measure('token-first-seen', TOKENS, async () => {
  for (const id of ids) if (!(await tokens.validate(id))) throw new Error('void');
});
await measure('token-validation', TOKENS * ROUNDS, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    // As from a socket: never the same string object.
    for (const id of ids) if (!tokens.validate(Buffer.from(id).toString())) throw new Error('void');
  }
});
await close();
