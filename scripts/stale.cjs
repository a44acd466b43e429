// Owns the question whether dist/ is what the sources say. CommonJS, because an ES module would start the
// thread pool before the launcher has set its size.

const { readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const builtFrom = join(root, 'dist', 'built-from.json');

/** Size and time of last change of a file, as one comparable text. */
function stampOf(path) {
  const { size, mtimeMs } = statSync(join(root, path));
  return `${size} ${mtimeMs}`;
}

/** True where a file that went into the last build has changed since, or nothing was built. */
function isStale() {
  try {
    const stamps = JSON.parse(readFileSync(builtFrom, 'utf8'));
    return Object.entries(stamps).some(([path, stamp]) => stampOf(path) !== stamp);
  } catch {
    return true;
  }
}

module.exports = { root, builtFrom, stampOf, isStale };
