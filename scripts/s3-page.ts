// Owns docs/S3.md: what the S3 gateway can be asked, from its own tables, with the tests that ask it. An
// operation that no test sends by its name is a complaint.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '#gateways/s3/access/actions.ts';
import { BUCKET_SUBRESOURCES, OBJECT_SUBRESOURCES, type OperationName } from '#gateways/s3/detect.ts';
import { OPERATIONS } from '#gateways/s3/operations/operations.ts';

interface TestFile {
  readonly path: string;
  readonly text: string;
  readonly titles: readonly string[];
}

interface Page {
  readonly text: string;
  readonly complaints: readonly string[];
}

const HEAD = [
  '<!-- Written by `npm run docs` from the operation table of the S3 gateway; not to be edited. -->',
  '',
  '# S3',
  '',
  'What the gateway can be asked, and which tests ask it by the AWS SDK for JavaScript or the AWS CLI. Every',
  'row is sent by an anonymous, a wrong, a reading and an ended caller too, in',
  '[authorisation.test.ts](../gateways/s3/authorisation.test.ts). What is not built is answered',
  "NotImplemented, and stands, like what is built otherwise than at Amazon, at the head of the gateway's",
  '[index.ts](../gateways/s3/index.ts).',
  '',
  '| operation | action in policies | tests |',
  '| --- | --- | --- |',
];

/** They name operations, and send none as clients do. */
const NOT_SENT = /^(detect|authorisation)\./;

export function s3Page(root: string): Page {
  const tests = [...testsIn(root, 'gateways/s3'), ...testsIn(root, 'tests/conformance')];
  const names = Object.keys(OPERATIONS) as OperationName[];
  const senders = new Map(names.map((name) => [name, tests.filter((test) => sends(test, name))]));
  const untested = names.filter((name) => senders.get(name)?.length === 0);
  const text = [
    ...HEAD,
    ...names.map((name) => row(name, senders.get(name) ?? [])),
    '',
    `Known by name, and not built: ${unbuiltNames().join(', ')}.`,
    '',
    '## What is proven of them',
    ...tests.filter(({ titles }) => titles.length > 0).flatMap(section),
    '',
  ].join('\n');
  return { text, complaints: untested.map((name) => `no test of S3 sends ${name} by its name`) };
}

function row(name: OperationName, senders: readonly TestFile[]): string {
  return `| ${name} | ${actionOf(name)} | ${senders.map(link).join(', ')} |`;
}

function testsIn(root: string, folder: string): TestFile[] {
  const files = readdirSync(join(root, folder)).filter(
    (name) => /\.test\.ts$/.test(name) && !NOT_SENT.test(name),
  );
  return files.sort().map((name) => {
    const path = `${folder}/${name}`;
    const text = readFileSync(join(root, path), 'utf8');
    const titles = [...text.matchAll(/^test(?:\.serial)?\(\s*(['"])(.*?)\1,/gm)].map(
      ([, , title]) => `${title}`,
    );
    return { path, text, titles: /s3|bucket|polic|version|notification/.test(name) ? titles : [] };
  });
}

/** As the SDK names it, and as the CLI does. */
function sends({ text }: TestFile, name: OperationName): boolean {
  const hyphened = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
  return new RegExp(`\\b(${name}(Command)?|${hyphened})\\b`).test(text);
}

function actionOf(name: OperationName): string {
  const { action, ofVersion } = ACTIONS[name];
  return ofVersion === undefined ? `s3:${action}` : `s3:${action}, s3:${ofVersion}`;
}

function unbuiltNames(): string[] {
  const rows = [BUCKET_SUBRESOURCES, OBJECT_SUBRESOURCES].flatMap((table) => Object.values(table));
  const operations = rows.flatMap((methods) => Object.values(methods));
  return operations.flatMap((operation) => (typeof operation === 'string' ? [] : [operation.unbuilt]));
}

const link = ({ path }: TestFile): string => `[${path.split('/').at(-1)?.split('.')[0]}](../${path})`;

function section({ path, titles }: TestFile): string[] {
  return ['', `### [${path}](../${path})`, '', ...titles.map((title) => `- ${title}`)];
}
