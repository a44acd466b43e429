// Owns `npm start` and `npm run strata`: builds what is stale, then runs the program in this very process, so
// that signals reach it and no second process has to start.

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { root, isStale } = require('./stale.cjs');

if (isStale()) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
const launcher = join(root, 'dist/launch.cjs');
process.argv[1] = launcher;
require(launcher);
