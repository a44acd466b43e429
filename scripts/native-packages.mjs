// Owns which packages stay outside the bundle, those with native parts, and how they get into an image:
// `node scripts/native-packages.mjs DIRECTORY` copies each of them, and what it needs, to its node_modules/,
// without sources and without what was built for other machines.

import { cpSync, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import stale from './stale.cjs';

const { root } = stale;

export const nativePackages = ['level', 'rocksdb', '@node-rs/crc32'];

/** Where `name` is found from `directory`, as Node looks for it; undefined where it is not installed. */
function directoryOf(name, directory) {
  for (let at = directory; at.startsWith(root.replace(/\/$/, '')); at = dirname(at)) {
    const found = join(at, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
  }
  return undefined;
}

/** The directories of the packages and of all that they need. */
function closureOf(names) {
  const found = new Set();
  const visit = (name, from, isOptional) => {
    const directory = directoryOf(name, from);
    if (!directory && isOptional) return;
    if (!directory)
      throw new Error(`${name}, which ${relative(root, from) || 'Strata'} needs, is not installed`);
    if (found.has(directory)) return;
    found.add(directory);
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(directory, 'package.json'), 'utf8'),
    );
    for (const each of Object.keys(optionalDependencies ?? {})) visit(each, directory, true);
    for (const each of Object.keys(dependencies ?? {})) visit(each, directory, false);
  };
  for (const name of names) visit(name, root, false);
  return found;
}

/** Sources to build from, and what was built for other machines. */
function isNeeded(path) {
  const folder = basename(dirname(path));
  if (folder === 'prebuilds') {
    const [platform, architectures = ''] = basename(path).split('-');
    return platform === process.platform && architectures.split('+').includes(process.arch);
  }
  return basename(path) !== 'deps' && !/\.(cc|gyp|md|d\.ts)$/.test(path);
}

const [target] = process.argv.slice(2);
if (target && import.meta.filename === resolve(process.argv[1])) {
  for (const directory of closureOf(nativePackages)) {
    cpSync(directory, join(target, relative(root, directory)), {
      recursive: true,
      filter: (path) => path === directory || (basename(path) !== 'node_modules' && isNeeded(path)),
    });
  }
}
