// Owns how `npm test` runs: everything but the engines suite, two files at a time, each in a process of its
// own. The tests are built first (scripts/build-tests.mjs).

import { buildTests, builtTests } from '#scripts/build-tests.mjs';

await buildTests();

export default {
  files: ['**/*.test.ts', '!**/*.engines.test.ts'],
  typescript: { rewritePaths: { './': builtTests }, compile: false },
  nodeArguments: ['--enable-source-maps'],
  workerThreads: false,
  concurrency: 2,
  timeout: '3m',
};
