// Owns the house rules that a machine can judge: who may import whom, sizes, names, and what must not land.
// Each failure names the file, the line and what is wanted instead.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  isNode,
  nameOf,
  parseSource,
  readSources,
  root,
  type SourceFile,
  type SyntaxNode,
  specifiersOf,
  visitTree,
} from './support/source-files.ts';

const FILE_LINES_MAX = 600;
const FILE_LINES_SMELL = 400;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 110;

/** Tests, benches, what they share, and tools: no part of what runs. */
const OUTSIDE_THE_PROGRAM = /\.(test|bench|suite|child)\.ts$|\/suite\/|^tests\/|^scripts\//;
const EVENT_TABLES = /^core\/[a-z-]+\/[a-z-]+\.events\.ts$/;
const KERNEL = /^core\/kernel\//;

/**
 * The first row whose `files` match a file says what it may import of ours, besides its own folder.
 * DESIGN.md, "The house"; why `services/` is a layer is told in docs/decisions/0001-services-layer.md.
 */
const LAYERS: readonly { files: RegExp; may: readonly RegExp[]; typesOf?: readonly RegExp[] }[] = [
  { files: OUTSIDE_THE_PROGRAM, may: [/./] },
  { files: /^cli\//, may: [/^(?!tests\/|scripts\/)/] },
  { files: KERNEL, may: [] },
  {
    files: /^core\/log\/(ordered|kafka|eventstore)\//,
    may: [KERNEL, /^core\/log\/[a-z-]+\.ts$/, /^core\/log\/(embedded|ordered)\//],
  },
  { files: /^core\/(log|ring)\//, may: [KERNEL, /^core\/log\/[a-z-]+\.ts$/] },
  { files: /^core\/runtime\//, may: [/^core\//] },
  { files: /^core\/families\.ts$/, may: [EVENT_TABLES] },
  { files: /^core\/devices\//, may: [KERNEL, /^core\/ring\//] },
  { files: /^core\/[a-z-]+\//, may: [KERNEL] },
  { files: /^storage-nodes\//, may: [/^core\//, /^storage-nodes\//] },
  { files: /^projections\//, may: [KERNEL, /^core\/log\//, EVENT_TABLES, /^projections\//] },
  { files: /^services\//, may: [/^core\//, /^storage-nodes\//, /^projections\//, /^services\//] },
  { files: /^gateways\/edge\//, may: [KERNEL, /^storage-nodes\/stream\/blob-stream\.ts$/] },
  {
    files: /^gateways\/[a-z0-9-]+\//,
    may: [
      KERNEL,
      /^core\/policy\//,
      /^services\//,
      /^gateways\/edge\//,
      /^projections\/[a-z-]+\/[a-z-]+\.query\.ts$/,
      /^storage-nodes\/stream\/(blob-stream|combine-crc|digest)\.ts$/,
    ],
    typesOf: [EVENT_TABLES],
  },
  { files: /^[^/]+$/, may: [/^[^/]+$/, /^scripts\//] },
];

/** Packages that only their one folder may know: everyone else sees a port. */
const PACKAGES: readonly { name: RegExp; only: RegExp }[] = [
  { name: /^protobufjs/, only: /^(core\/kernel|scripts)\// },
  { name: /^rocksdb$/, only: /^storage-nodes\/chunks\// },
  { name: /^(level|classic-level)$/, only: /^projections\/store\// },
  { name: /^(commander|cli-progress)$/, only: /^cli\// },
  { name: /^kafkajs$/, only: /^core\/log\/kafka\// },
  { name: /^(saxes|find-my-way)$/, only: /^gateways\// },
  { name: /^(jose|ldapts)$/, only: /^services\/identity\// },
  { name: /^@aws-sdk\//, only: /^(tests|gateways)\/.*|\.bench\.ts$/ },
];

/** Names of folders and files that say nothing. */
const EMPTY_NAMES = /(^|[/.-])(utils?|helpers?|common|misc|shared|lib)([/.-]|$)/;

const ROLES = 'events|commands|decider|process|projection|query|service';
const FILE_NAME = new RegExp(
  `^[a-z0-9]+(-[a-z0-9]+)*(\\.(${ROLES}))?(\\.(suite|child|bench|test|engines\\.test))?\\.ts$`,
);

/** Identifiers, and what is wanted in their stead. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  req: 'request',
  res: 'response',
  resp: 'response',
  ctx: 'context',
  cb: 'a name for what it does',
  fn: 'a name for what it does',
  buf: 'buffer, or bytes',
  err: 'error',
  msg: 'message',
  idx: 'index',
  len: 'length',
  tmp: 'a name for what it holds',
  opts: 'options',
  cfg: 'configuration',
  str: 'text',
  num: 'a name for what it counts',
  val: 'value',
  arr: 'a plural',
  obj: 'a name for what it is',
  pos: 'position',
  ret: 'result',
  mgr: 'a noun for what it does',
  acc: 'a name for what it gathers',
  prev: 'previous',
  cur: 'current',
  curr: 'current',
};

/** Calls that reach for the world, which files may make them, and what all others use. */
const CALLS: readonly { call: RegExp; instead: string; except: RegExp }[] = [
  {
    call: /^(globalThis\.)?(Date\.now|performance\.now|process\.hrtime(\.bigint)?|setTimeout|setInterval)$/,
    instead: 'the Clock of core/kernel/clock.ts',
    except: /^core\/kernel\/clock\.ts$/,
  },
  {
    call: /^(Math\.random|(crypto\.)?(randomBytes|randomUUID|randomInt|randomFill|randomFillSync))$/,
    instead: 'the Random of core/kernel/random.ts',
    except: /^core\/kernel\/random\.ts$/,
  },
  { call: /^console\.\w+$/, instead: 'the logger', except: /^cli\// },
];

const UNFINISHED = /\b(TODO|FIXME|XXX|HACK)\b/;
const DOCUMENTED = '.ci|cli|core|docs|gateways|projections|proto|scripts|services|storage-nodes|tests';
const PATH_IN_PROSE = new RegExp(`[\`(]((?:${DOCUMENTED})/[\\w./-]*)[\`)]`, 'g');
const MACHINE_PATH = /(^|[\s'"`(=])\/(work|tmp|root|home|Users)\//;

const sources = readSources();
const folders = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);

/** A gateway is one part, however many folders it has. */
const DIALECT = /^gateways\/(openstack\/)?[a-z0-9-]+\//;
const dialect = (path: string) => DIALECT.exec(path)?.[0] ?? path;

/** Each rule gives the complaints about one file. */
type Rule = (file: SourceFile) => Iterable<string>;

function* imports(file: SourceFile): Iterable<string> {
  const layer = LAYERS.find((row) => row.files.test(file.path));
  if (!layer) return yield `${file.path}: belongs to no layer of the table`;
  for (const { specifier, target, typesOnly, line } of file.imports) {
    const at = `${file.path}:${line}: ${specifier}`;
    if (target === undefined) {
      const owner = PACKAGES.find((row) => row.name.test(specifier));
      if (owner && !owner.only.test(file.path) && !OUTSIDE_THE_PROGRAM.test(file.path))
        yield `${at} may be imported by ${owner.only.source} only`;
      continue;
    }
    const leaves = target.includes('/') && target.split('/')[0] !== file.path.split('/')[0];
    if (specifier.startsWith('.') && leaves) yield `${at}: write #${target}`;
    if (!/\.(ts|mjs|cjs|js)$/.test(target) || !existsSync(join(root, target))) {
      // The launcher names its neighbour in dist/.
      if (file.path !== 'cli/launch.cjs') yield `${at} names no file`;
    }
    if (folders(target) === folders(file.path) && folders(target) !== '') continue;
    if (dialect(target) === dialect(file.path)) continue;
    const allowed = [...layer.may, ...(typesOnly ? (layer.typesOf ?? []) : [])];
    if (!allowed.some((pattern) => pattern.test(target))) yield `${at}: this layer may not import that`;
  }
}

function* sizes(file: SourceFile): Iterable<string> {
  const lines = file.lines.length - 1;
  if (lines > FILE_LINES_MAX) yield `${file.path}: ${lines} lines, more than ${FILE_LINES_MAX}`;
  for (const [index, line] of file.lines.entries()) {
    const columns = [...line].length;
    if (columns > COLUMNS_MAX)
      yield `${file.path}:${index + 1}: ${columns} columns, more than ${COLUMNS_MAX}`;
  }
}

function functionLengths(file: SourceFile): string[] {
  const complaints: string[] = [];
  // A suite's outer function is a table of contents: its tests are measured, one by one.
  const outer = file.path.endsWith('.suite.ts') ? 1 : 0;
  let depth = 0;
  const visit = (node: SyntaxNode) => {
    const isFunction = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
    if (isFunction) {
      const line = file.lineOf(node.start);
      const lines = file.lineOf(node.end) - line + 1;
      if (lines >= FUNCTION_LINES_MAX && depth >= outer)
        complaints.push(
          `${file.path}:${line}: a function of ${lines} lines, not below ${FUNCTION_LINES_MAX}`,
        );
      depth += 1;
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
    if (isFunction) depth -= 1;
  };
  visit(file.tree);
  return complaints;
}

function* names(file: SourceFile): Iterable<string> {
  if (EMPTY_NAMES.test(file.path)) yield `${file.path}: name it for what it owns`;
  const name = file.path.slice(folders(file.path).length);
  if (name.endsWith('.ts') && !FILE_NAME.test(name))
    yield `${file.path}: kebab-case with a known role, please`;
  if (!/^(#!.*\n)?\/\/ \S/.test(file.text)) yield `${file.path}: must open with a // comment on what it owns`;
}

function syntax(file: SourceFile): string[] {
  const complaints: string[] = [];
  const complain = (node: SyntaxNode, what: string) =>
    complaints.push(`${file.path}:${file.lineOf(node.start)}: ${what}`);
  const configuration = /^[a-z.]+\.config\.js$/.test(file.path);
  visitTree(file.tree, (node, parent, field) => {
    if (node.type === 'TSAnyKeyword') complain(node, 'any: say what it is, or unknown');
    if (node.type === 'TSEnumDeclaration') complain(node, 'enum: use a const object or a union');
    if (node.type === 'TSModuleDeclaration') complain(node, 'namespace: a file is the module');
    if (node.type === 'ExportDefaultDeclaration' && !configuration)
      complain(node, 'default export: export it by name');
    if (node.type === 'Identifier' && isChosenName(node, parent, field)) {
      const wanted = Object.hasOwn(ABBREVIATIONS, nameOf(node)) ? ABBREVIATIONS[nameOf(node)] : undefined;
      if (wanted) complain(node, `${nameOf(node)}: write ${wanted}`);
    }
    if (node.type === 'CallExpression' || (node.type === 'NewExpression' && isDateOfNow(node))) {
      const called = node.type === 'NewExpression' ? 'Date.now' : calleeOf(node);
      for (const complaint of forbiddenCall(file, called, node)) complain(node, complaint);
    }
  });
  return complaints;
}

/** Whether an identifier in this place is a name that we chose. */
function isChosenName(node: SyntaxNode, parent: SyntaxNode | undefined, field: string): boolean {
  if (!parent) return false;
  // The logger's own word for what went wrong.
  if (parent.type === 'TSPropertySignature' && nameOf(node) === 'err') return false;
  if (parent.type === 'MemberExpression') return false;
  if (parent.type === 'Property') return field === 'value' || parent.shorthand === true;
  return true;
}

function isDateOfNow(node: SyntaxNode): boolean {
  return nameOf(node.callee) === 'Date' && (node.arguments as unknown[]).length === 0;
}

/** `a.b.c` for a call of names; empty for anything else. */
function calleeOf(node: SyntaxNode): string {
  const path = (part: unknown): string => {
    if (!isNode(part)) return '';
    if (part.type === 'Identifier') return nameOf(part);
    if (part.type !== 'MemberExpression') return '';
    const owner = path(part.object);
    return owner === '' ? '' : `${owner}.${nameOf(part.property)}`;
  };
  return path(node.callee);
}

/** Where a server cannot be had, its tests have neither passed nor failed, and the report has to say so. */
function isNotRun(called: string, node: SyntaxNode): boolean {
  const [title] = node.arguments as readonly unknown[];
  return called === 'test.skip' && isNode(title) && /^not run: /.test(String(title.value));
}

function* forbiddenCall(file: SourceFile, called: string, node: SyntaxNode): Iterable<string> {
  const isTest = /^test\.(only|skip|todo|failing)$/.test(called);
  if (isTest && !isNotRun(called, node)) yield `${called}: every test runs, and passes`;
  if (OUTSIDE_THE_PROGRAM.test(file.path)) return;
  for (const row of CALLS) {
    if (row.call.test(called) && !row.except.test(file.path)) yield `${called}: use ${row.instead}`;
  }
}

function* leftovers(file: SourceFile): Iterable<string> {
  if (file.path === 'tests/tidy.test.ts') return;
  for (const comment of file.comments) {
    if (UNFINISHED.test(comment.text)) yield `${file.path}:${comment.line}: finish it, or open an issue`;
  }
  for (const [index, line] of file.lines.entries()) {
    if (MACHINE_PATH.test(line)) yield `${file.path}:${index + 1}: a path of one machine; use tmpdir()`;
  }
}

/** Values that a file exports by name. */
function exportsOf(file: SourceFile): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  for (const node of file.tree.body as SyntaxNode[]) {
    if (node.type !== 'ExportNamedDeclaration' || node.exportKind === 'type') continue;
    const declaration = node.declaration;
    const line = file.lineOf(node.start);
    for (const specifier of specifiersOf(node)) found.push({ name: nameOf(specifier.exported), line });
    if (!isNode(declaration)) continue;
    const declared = Array.isArray(declaration.declarations) ? declaration.declarations : [declaration];
    for (const each of declared) if (isNode(each)) found.push({ name: nameOf(each.id), line });
  }
  return found;
}

function check(rule: Rule): string {
  return sources.flatMap((file) => [...rule(file)]).join('\n');
}

test('each file imports only what its layer may know', (t) => {
  t.is(check(imports), '');
});

test('files, functions and lines stay short', (t) => {
  for (const file of sources) {
    const lines = file.lines.length - 1;
    if (lines > FILE_LINES_SMELL) t.log(`${file.path}: ${lines} lines are a smell`);
  }
  t.is(check(sizes), '');
  t.is(check(functionLengths), '');
});

test('files are named for what they own, and say it in their first line', (t) => {
  t.is(check(names), '');
});

test('no any, enum, default export or abbreviation; time, chance and output by their ports', (t) => {
  t.is(check(syntax), '');
});

test('nothing unfinished and no path of one machine is left', (t) => {
  t.is(check(leftovers), '');
});

test('every exported value is used by another file', (t) => {
  const used = new Set<string>();
  for (const file of sources) {
    for (const { target, names: imported } of file.imports)
      for (const name of imported) used.add(`${target} ${name}`);
  }
  const dead = sources
    .filter((file) => !file.path.endsWith('.config.js'))
    .flatMap((file) => exportsOf(file).map((value) => ({ ...value, path: file.path })))
    .filter(({ path, name }) => !used.has(`${path} ${name}`) && !used.has(`${path} *`));
  t.is(dead.map(({ path, line, name }) => `${path}:${line}: ${name} is used nowhere else`).join('\n'), '');
});

test('every path named in the documentation exists', (t) => {
  const pages = ['README.md', 'CONTRIBUTING.md'];
  for (const page of ['ARCHITECTURE', 'OPERATIONS', 'PERFORMANCE']) pages.push(`docs/${page}.md`);
  for (const page of readdirSync(join(root, 'docs/decisions'))) pages.push(`docs/decisions/${page}`);
  const missing: string[] = [];
  for (const page of pages.filter((path) => existsSync(join(root, path)))) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, path = ''] of text.matchAll(PATH_IN_PROSE)) {
      if (!existsSync(join(root, path))) missing.push(`${page}: ${path}`);
    }
  }
  t.is(missing.join('\n'), '');
});

test('the rules see what they forbid', (t) => {
  const complaintsOf = (path: string, text: string, rule: Rule) => [...rule(parseSource(path, text))].length;
  t.is(complaintsOf('gateways/s3/a.ts', `import { x } from '#core/runtime/y.ts';`, imports), 2);
  t.is(complaintsOf('core/kernel/a.ts', `import { x } from '../log/event-log.ts';`, imports), 1);
  t.is(complaintsOf('core/kernel/a.ts', `import { x } from '#core/kernel/clock.ts';`, imports), 0);
  t.is(complaintsOf('services/a.ts', `import rocksdb from 'rocksdb';`, imports), 1);
  t.is(complaintsOf('services/a.ts', 'const at = Date.now(); setTimeout(run, 5); new Date();', syntax), 3);
  t.is(complaintsOf('services/a.ts', 'const req: any = 1; console.log(Math.random());', syntax), 4);
  t.is(complaintsOf('services/a.ts', 'export default 1;', syntax), 1);
  const skipped = `test.skip('a', f); test.skip('not run: no server', f);`;
  t.is(complaintsOf('services/a.test.ts', skipped, syntax), 1);
  t.is(complaintsOf('services/a.ts', `const x = '${'/wo'}rk/here'; // ${'TO'}DO`, leftovers), 2);
  t.is(complaintsOf('services/a.ts', `function f() {\n${'g();\n'.repeat(70)}}`, functionLengths), 1);
  t.is(complaintsOf('services/helpers.ts', 'const x = 1;', names), 2);
  t.is(complaintsOf('services/a.ts', `// ${'x'.repeat(COLUMNS_MAX)}`, sizes), 1);
});
