// Owns the document by which a bucket says of what it tells whom ("PutBucketNotificationConfiguration",
// Amazon S3 API Reference). Guarantee: whom may be told is the operator's to say; a tenant names it, by an
// ARN of a queue or of a topic: `arn:aws:sqs:<region>::<name>`, `arn:aws:sns:<region>::<name>`.

import { limits } from '#core/kernel/limits.ts';
import {
  eventNamesOf,
  NOTIFICATION_PROPERTY,
  type NotificationRule,
} from '#services/notifications/notification-rules.ts';
import type { S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { malformed, type XmlElement, type XmlWriter } from '../xml.ts';
import type { Setting } from './setting.ts';

const KINDS = {
  TopicConfiguration: { kind: 'topic', target: 'Topic', service: 'sns' },
  QueueConfiguration: { kind: 'queue', target: 'Queue', service: 'sqs' },
  CloudFunctionConfiguration: { kind: 'function', target: 'CloudFunction', service: 'lambda' },
} as const;
type Row = (typeof KINDS)[keyof typeof KINDS];

export const notification: Setting<readonly NotificationRule[]> = {
  property: NOTIFICATION_PROPERTY,
  root: 'NotificationConfiguration',
  missing: undefined,
  maxBytes: limits.s3NotificationBytes,
  putStatus: 200,
  read(root, call) {
    root.expect(['EventBridgeConfiguration'], Object.keys(KINDS));
    if (root.child('EventBridgeConfiguration')) {
      throw new S3Error('NotImplemented', undefined, { Element: 'EventBridgeConfiguration' });
    }
    if (root.children.length > limits.s3NotificationRules) {
      throw wrong(`The number of configurations exceeds the limit of ${limits.s3NotificationRules}.`);
    }
    const rules = root.children.map((element, index) => ruleOf(element, index, call));
    if (new Set(rules.map(({ id }) => id)).size < rules.length) {
      throw wrong('Same ID used for multiple configurations. IDs must be unique');
    }
    assertApart(rules);
    return rules.length === 0 ? undefined : rules;
  },
  write(xml, rules = []) {
    for (const rule of rules) addRule(xml, rule);
  },
};

function wrong(message: string, name?: string, value?: string): S3Error {
  const details = name !== undefined && { ArgumentName: name, ArgumentValue: value ?? '' };
  return new S3Error('InvalidArgument', message, details || undefined);
}

function ruleOf(element: XmlElement, index: number, call: S3Call): NotificationRule {
  const row = KINDS[element.name as keyof typeof KINDS];
  element.expect(['Id', 'Filter', row.target], ['Event']);
  // One without a name gets one that is the same each time: putting the same again changes nothing.
  const id = element.textOf('Id') || `notification-${index + 1}`;
  if (id.length > limits.s3RuleIdCharacters) throw malformed();
  const arn = element.textOf(row.target)?.trim();
  const events = element.textsOf('Event').map((event) => event.trim());
  if (arn === undefined || events.length === 0) throw malformed();
  assertEvents(events);
  const filter = filterOf(element.child('Filter'));
  const destination = destinationOf(arn, row, call);
  if (row.kind === 'function') throw unknown(arn, row);
  return { id, kind: row.kind, arn, destination, events, ...filter };
}

function assertEvents(events: readonly string[]): void {
  for (const event of events) {
    if (eventNamesOf(event)) continue;
    throw wrong('A specified event is not supported for notifications.', 'Event', event);
  }
  if (new Set(events).size < events.length) {
    throw wrong('Duplicate event types are not allowed in a single configuration.');
  }
  // The log knows copies and forms as writes: asked for alone they would never be told.
  const isTold = events.some((event) => ['s3:ObjectCreated:*', 's3:ObjectCreated:Put'].includes(event));
  const alone = events.find((event) => /^s3:ObjectCreated:(Post|Copy)$/.test(event));
  if (alone !== undefined && !isTold) throw new S3Error('NotImplemented', undefined, { Event: alone });
}

type Filter = Pick<NotificationRule, 'prefix' | 'suffix' | 'isFiltered'>;

function filterOf(element: XmlElement | undefined): Filter {
  const rules = element?.expect(['S3Key']).child('S3Key')?.expect([], ['FilterRule']).children;
  if (!rules) return {};
  const filter: { prefix?: string; suffix?: string } = {};
  for (const rule of rules) {
    const name = rule.expect(['Name', 'Value']).textOf('Name')?.trim().toLowerCase();
    const value = rule.textOf('Value');
    if (value === undefined) throw malformed();
    if (name !== 'prefix' && name !== 'suffix') {
      throw wrong('filter rule name must be either prefix or suffix', 'FilterRule.Name', name);
    }
    if (filter[name] !== undefined) throw wrong(`Cannot specify more than one ${name} rule in a filter.`);
    if (Buffer.byteLength(value) > limits.s3FilterValueBytes) {
      const most = limits.s3FilterValueBytes;
      throw wrong(`Size of filter rule value cannot exceed ${most} bytes in UTF-8 representation`);
    }
    filter[name] = value;
  }
  return { isFiltered: true, ...filter };
}

const ARN = /^arn:aws:(sns|sqs|lambda):([a-z0-9-]*):([a-z0-9-]*):([A-Za-z0-9:_.-]+)$/;

function destinationOf(arn: string, row: Row, { gateway }: S3Call): string {
  const [, service, region, account, name = ''] = ARN.exec(arn) ?? [];
  if (service !== row.service) throw wrong('The ARN could not be parsed', row.target, arn);
  const isHere = region === gateway.region && account === '';
  if (!isHere || !gateway.destinations.has(name)) throw unknown(arn, row);
  return name;
}

/** S3 says by the name of the argument which it is. */
const unknown = (arn: string, { kind }: Row): S3Error =>
  wrong(
    'Unable to validate the following destination configurations',
    arn,
    `The destination ${kind} does not exist`,
  );

/** @throws S3Error where two rules could be for one event */
function assertApart(rules: readonly NotificationRule[]): void {
  const named = rules.map((rule) => ({ rule, names: new Set(rule.events.flatMap(namesOf)) }));
  for (const [index, { rule, names }] of named.entries()) {
    for (const { rule: other, names: others } of named.slice(index + 1)) {
      if (![...names].some((name) => others.has(name))) continue;
      const prefixes = [rule.prefix ?? '', other.prefix ?? ''] as const;
      const suffixes = [rule.suffix ?? '', other.suffix ?? ''] as const;
      const areBeginnings = prefixes[0].startsWith(prefixes[1]) || prefixes[1].startsWith(prefixes[0]);
      const areEnds = suffixes[0].endsWith(suffixes[1]) || suffixes[1].endsWith(suffixes[0]);
      if (areBeginnings && areEnds) throw wrong(rule.isFiltered || other.isFiltered ? AMBIGUOUS : OVERLAP);
    }
  }
}

const namesOf = (event: string): readonly string[] => eventNamesOf(event) ?? [];

const OVERLAP = 'Configurations overlap. Configurations on the same bucket cannot share a common event type.';
const AMBIGUOUS =
  'Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are ' +
  'overlapping for the same event type.';

function addRule(xml: XmlWriter, rule: NotificationRule): void {
  const { id, kind, arn, events, prefix, suffix, isFiltered } = rule;
  const name = kind === 'queue' ? 'QueueConfiguration' : 'TopicConfiguration';
  xml.open(name).element('Id', id).element(KINDS[name].target, arn);
  for (const event of events) xml.element('Event', event);
  if (isFiltered) {
    xml.open('Filter').open('S3Key');
    for (const [filter, value] of [
      ['Prefix', prefix],
      ['Suffix', suffix],
    ] as const) {
      if (value === undefined) continue;
      xml.open('FilterRule').element('Name', filter).element('Value', value).close('FilterRule');
    }
    xml.close('S3Key').close('Filter');
  }
  xml.close(name);
}
