// Owns docs/lifecycles.md: the life of each aggregate as a diagram and a table, from the same rows as the
// code.

import type { Fields } from '#core/kernel/fields.ts';
import type { Lifecycle } from '#core/kernel/lifecycle.ts';

type Family = Pick<Lifecycle, 'family' | 'table'>;

export function lifecyclePage(families: readonly Family[]): string {
  return [
    '<!-- Written by `npm run docs` from the lifecycle tables; not to be edited. -->',
    '',
    '# The life of each thing',
    '',
    'One family of streams a section. An arrow is an event, from the states in which it is legal.',
    '',
    families.map(section).join('\n\n'),
    '',
  ].join('\n');
}

function section(family: Family): string {
  return [
    `## ${family.family}`,
    '',
    '```mermaid',
    'stateDiagram-v2',
    `  [*] --> ${family.table.initial}`,
    ...arrows(family),
    ...ends(family).map((status) => `  ${status} --> [*]`),
    '```',
    '',
    '| number | event | payload |',
    '| --- | --- | --- |',
    ...Object.entries(family.table.events).map(
      ([type, row]) => `| ${row.id} | ${type} | ${payload(row.data)} |`,
    ),
  ].join('\n');
}

/** One arrow for all events between the same two states. */
function arrows(family: Family): string[] {
  const labels = new Map<string, string[]>();
  for (const [type, row] of Object.entries(family.table.events)) {
    for (const from of row.from) {
      const arrow = `  ${from} --> ${row.to}`;
      labels.set(arrow, [...(labels.get(arrow) ?? []), type]);
    }
  }
  return [...labels].map(([arrow, types]) => `${arrow}: ${types.join(', ')}`);
}

/** States that nothing leaves. */
function ends({ table }: Family): readonly string[] {
  const left = new Set(Object.values(table.events).flatMap((row) => row.from));
  return table.statuses.filter((status) => !left.has(status));
}

function payload(fields: Fields): string {
  const names = Object.entries(fields).map(([name, field]) => {
    const marks = `${field.repeated ? '[]' : ''}${field.optional ? '?' : ''}`;
    return `${name}${marks}`;
  });
  return names.length === 0 ? '-' : names.join(', ');
}
