// Owns the reading of our own sources for tests that judge them: each file once, as text and as a syntax
// tree.

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const SOURCE = /\.(ts|mjs|cjs|js)$/;
const NOT_OURS = new Set(['node_modules', 'dist', 'data', 'proto', 'docs']);

/** A node of the ESTree that oxc-parser gives, TypeScript's included. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Import {
  /** As written: `#core/kernel/clock.ts`, `./x.ts`, `node:fs`, `pino`. */
  readonly specifier: string;
  /** For one of our own files its path from the root. */
  readonly target: string | undefined;
  /** Imported names; `*` for all, `default` for the default. */
  readonly names: readonly string[];
  readonly typesOnly: boolean;
  readonly line: number;
}

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: SyntaxNode;
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  readonly imports: readonly Import[];
  lineOf(offset: number): number;
}

/** Every source file of the repository, in order of path. */
export function readSources(): readonly SourceFile[] {
  return walk('').sort().map(readSource);
}

function walk(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith('.') || (folder === '' && NOT_OURS.has(entry.name))) continue;
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) found.push(...walk(path));
    else if (SOURCE.test(entry.name)) found.push(path);
  }
  return found;
}

function readSource(path: string): SourceFile {
  return parseSource(path, readFileSync(join(root, path), 'utf8'));
}

/** @throws Error when the text is not valid syntax. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`);
  const starts = lineStarts(text);
  const lineOf = (offset: number) => lineAt(starts, offset);
  const tree = parsed.program as unknown as SyntaxNode;
  return {
    path,
    text,
    lines: text.split('\n'),
    tree,
    comments: parsed.comments.map((comment) => ({ text: comment.value, line: lineOf(comment.start) })),
    imports: importsOf(path, tree, lineOf),
    lineOf,
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The number, from 1, of the line that holds `offset`. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** Calls `visit` with each node and its parent, parents first. */
export function visitTree(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined, field: string) => void,
  parent?: SyntaxNode,
  field = '',
): void {
  visit(node, parent, field);
  for (const [name, value] of Object.entries(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) visitTree(item, visit, node, name);
    } else if (isNode(value)) visitTree(value, visit, node, name);
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';
}

function importsOf(path: string, tree: SyntaxNode, lineOf: (offset: number) => number): Import[] {
  const imports: Import[] = [];
  visitTree(tree, (node) => {
    const source = node.source;
    if (!isNode(source) || typeof source.value !== 'string') return;
    const specifier = source.value;
    imports.push({
      specifier,
      target: targetOf(path, specifier),
      names: namesOf(node),
      typesOnly: isTypesOnly(node),
      line: lineOf(node.start),
    });
  });
  return imports;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(path), specifier));
  return undefined;
}

function namesOf(node: SyntaxNode): string[] {
  if (node.type === 'ImportExpression' || node.type === 'ExportAllDeclaration') return ['*'];
  return specifiersOf(node).map((specifier) => {
    if (specifier.type === 'ImportNamespaceSpecifier') return '*';
    if (specifier.type === 'ImportDefaultSpecifier') return 'default';
    return nameOf(specifier.imported ?? specifier.local);
  });
}

function isTypesOnly(node: SyntaxNode): boolean {
  if (node.importKind === 'type' || node.exportKind === 'type') return true;
  const specifiers = specifiersOf(node);
  return specifiers.length > 0 && specifiers.every((specifier) => specifier.importKind === 'type');
}

export function specifiersOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : [];
}

/** The name of an identifier or of a quoted name. */
export function nameOf(node: unknown): string {
  if (!isNode(node)) return '';
  return String(node.name ?? node.value ?? '');
}
