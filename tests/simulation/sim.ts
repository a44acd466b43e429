// Owns `npm run sim`.

import { simulate } from './simulate.ts';

const started = performance.now();
const from = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const verbose = process.argv[4] === '-v';
for (let seed = from; seed < from + count; seed++) {
  const at = performance.now();
  const report = await simulate(seed, verbose ? { print: (line) => console.log(line) } : {});
  console.log(
    seed,
    report.trace,
    report.steps,
    Math.round(report.simulatedMs),
    'sim ms',
    Math.round(performance.now() - at),
    'ms',
    report.violations.map((v) => `${v.promise}: ${v.what.slice(0, 300)}`).join(' | '),
  );
  if (count === 1) console.log(report.plan, report.counters);
}
console.log(Math.round(performance.now() - started));
