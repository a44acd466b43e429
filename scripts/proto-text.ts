// Owns the published schema of the events: writes a family's lifecycle table as a .proto file, and finds what
// a change would break for those who have stored or read events by the published one.

import protobuf from 'protobufjs';
import type { Lifecycle } from '#core/kernel/lifecycle.ts';

type Family = Pick<Lifecycle, 'family' | 'table' | 'namespace'>;

/** The message whose oneof gives each event its number in the family. */
const EVENT = 'Event';

const packageOf = (family: string) => `strata.events.v1.${family}`;

/** proto3 text; messages in the order of the table, fields in the order of their numbers. */
export function protoText(family: Family): string {
  const rows = Object.entries(family.table.events).sort(([, a], [, b]) => a.id - b.id);
  const event = [
    `message ${EVENT} {`,
    '  oneof event {',
    ...rows.map(([type, row]) => `    ${type} ${snakeCase(type)} = ${row.id};`),
    '  }',
    '}',
  ];
  const messages = rows.map(([type]) => messageText(family.namespace.lookupType(type), ''));
  return [
    '// Written by `npm run docs` from the lifecycle table of the family; not to be edited.',
    '',
    'syntax = "proto3";',
    '',
    `package ${packageOf(family.family)};`,
    '',
    [event, ...messages].map((lines) => lines.join('\n')).join('\n\n'),
    '',
  ].join('\n');
}

function messageText(type: protobuf.Type, indent: string): string[] {
  const nested = type.nestedArray.filter((inner) => inner instanceof protobuf.Type);
  const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id);
  if (nested.length === 0 && fields.length === 0) return [`${indent}message ${type.name} {}`];
  const inside = `${indent}  `;
  return [
    `${indent}message ${type.name} {`,
    ...nested.flatMap((inner) => [...messageText(inner, inside), '']),
    ...fields.map((field) => `${inside}${fieldText(field)} ${snakeCase(field.name)} = ${field.id};`),
    `${indent}}`,
  ];
}

function fieldText(field: protobuf.Field): string {
  if (field instanceof protobuf.MapField) return `map<${field.keyType}, ${field.type}>`;
  if (field.repeated) return `repeated ${field.type}`;
  return field.partOf ? `optional ${field.type}` : field.type;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`);
}

/** What each published number means, by its place: `ObjectPut.3` is `repeated Segment segments`. */
function meaningsOf(text: string): Map<string, string> {
  const meanings = new Map<string, string>();
  const { root } = protobuf.parse(text, { keepCase: true });
  const visit = (nested: readonly protobuf.ReflectionObject[], path: string) => {
    for (const inner of nested) {
      if (!(inner instanceof protobuf.Namespace || inner instanceof protobuf.Type)) continue;
      const place = inner instanceof protobuf.Type ? `${path}${inner.name}.` : path;
      if (inner instanceof protobuf.Type) {
        for (const field of inner.fieldsArray)
          meanings.set(`${place}${field.id}`, `${fieldText(field)} ${field.name}`);
      }
      visit(inner.nestedArray, place);
    }
  };
  visit(root.nestedArray, '');
  return meanings;
}

/**
 * One sentence for each published number that would be dropped or would mean something else. Additions are
 * free.
 */
export function brokenPromises(published: string, next: string): string[] {
  const after = meaningsOf(next);
  const broken: string[] = [];
  for (const [place, meaning] of meaningsOf(published)) {
    const now = after.get(place);
    if (now === undefined) broken.push(`${place} was published as "${meaning}" and is gone`);
    else if (now !== meaning) broken.push(`${place} was published as "${meaning}" and would become "${now}"`);
  }
  return broken;
}
