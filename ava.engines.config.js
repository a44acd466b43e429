// Owns how `npm run test:engines` runs: the tests against other people's programs, and the long ones, one at
// a time.

import config from './ava.config.js';

export default {
  ...config,
  files: ['**/*.engines.test.ts'],
  concurrency: 1,
  timeout: '20m',
};
