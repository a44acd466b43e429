// Owns what is generated from tables of the code: the .proto files, docs/lifecycles.md and docs/S3.md.
// `--check` writes nothing and fails when a page is stale. Neither ever lets a published number change its
// meaning.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { families } from '#core/families.ts';
import { lifecyclePage } from './lifecycle-page.ts';
import { brokenPromises, protoText } from './proto-text.ts';
import { s3Page } from './s3-page.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const checking = process.argv.includes('--check');
const all = Object.values(families);

const s3 = s3Page(root);
const pages = new Map([
  ['docs/lifecycles.md', lifecyclePage(all)],
  ['docs/S3.md', s3.text],
]);
for (const family of all) pages.set(`proto/strata/events/v1/${family.family}.proto`, protoText(family));

const complaints: string[] = [...s3.complaints];
for (const [path, text] of pages) {
  const file = join(root, path);
  const published = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (published === text) continue;
  if (published && path.endsWith('.proto')) {
    const broken = brokenPromises(published, text);
    complaints.push(...broken.map((sentence) => `${path}: ${sentence}`));
    if (broken.length > 0) continue;
  }
  if (checking) {
    complaints.push(`${path}: stale; run npm run docs`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`wrote ${path}`);
}

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
