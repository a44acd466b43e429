// Owns how `npm test` runs: everything but the engines suite, two files at a time, each in a process of its
// own (tsx cannot load TypeScript in AVA's worker threads).

export default {
  files: ['**/*.test.ts', '!**/*.engines.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx'],
  workerThreads: false,
  concurrency: 2,
  timeout: '3m',
};
