// Owns the document of a bucket's lifecycle ("PutBucketLifecycleConfiguration", Amazon S3 API Reference), and
// what answers tell of it: when an object ends, when an upload is aborted.

import { limits } from '#core/kernel/limits.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { abortOf, expiryOf, LIFECYCLE_PROPERTY, type LifecycleRule } from '#services/lifecycle-rules.ts';
import type { S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { httpDate } from '../reply.ts';
import { checkTag } from '../tags.ts';
import { malformed, type XmlElement, type XmlWriter } from '../xml.ts';
import { type Setting, settingIn } from './setting.ts';

export const lifecycle: Setting<readonly LifecycleRule[]> = {
  property: LIFECYCLE_PROPERTY,
  root: 'LifecycleConfiguration',
  missing: 'NoSuchLifecycleConfiguration',
  maxBytes: limits.s3LifecycleBytes,
  putStatus: 200,
  read(root) {
    const elements = root.expect([], ['Rule']).children;
    if (elements.length === 0 || elements.length > limits.s3LifecycleRules) throw malformed();
    const rules = elements.map(ruleOf);
    if (new Set(rules.map(({ id }) => id)).size < rules.length) {
      throw wrong('Rule ID must be unique. Found same ID for one or more rules');
    }
    return rules;
  },
  write(xml, rules = []) {
    for (const rule of rules) addRule(xml, rule);
  },
};

const wrong = (message: string): S3Error => new S3Error('InvalidArgument', message);
const invalid = (message: string): S3Error => new S3Error('InvalidRequest', message);

/** Of versions that buckets do not keep, and of tiers that there are not. */
const UNBUILT = ['NoncurrentVersionExpiration', 'NoncurrentVersionTransition', 'Transition'];
const ACTIONS = ['Expiration', 'AbortIncompleteMultipartUpload'];

function ruleOf(element: XmlElement, index: number): LifecycleRule {
  element.expect(['ID', 'Status', 'Filter', 'Prefix', ...ACTIONS], UNBUILT);
  const unbuilt = UNBUILT.find((name) => element.child(name));
  if (unbuilt !== undefined) throw new S3Error('NotImplemented', undefined, { Element: unbuilt });
  // One without a name gets one that is the same each time: putting the same again changes nothing.
  const id = element.textOf('ID') || `rule-${index + 1}`;
  if (id.length > limits.s3RuleIdCharacters) {
    throw wrong(`ID length should not exceed allowed limit of ${limits.s3RuleIdCharacters}`);
  }
  const status = element.textOf('Status');
  if (status !== 'Enabled' && status !== 'Disabled') throw malformed();
  const filter = filterOf(element);
  const expiration = expirationOf(element.child('Expiration'));
  const abortsDays = abortionOf(element.child('AbortIncompleteMultipartUpload'), filter);
  if (!expiration && abortsDays === undefined) {
    throw invalid('At least one action needs to be specified in a rule');
  }
  return {
    ...{ id, isEnabled: status === 'Enabled', ...filter, ...expiration },
    ...(abortsDays !== undefined && { abortsDays }),
  };
}

type Filter = Pick<LifecycleRule, 'isOld' | 'isJoined' | 'prefix' | 'tags' | 'aboveBytes' | 'belowBytes'>;

function filterOf(element: XmlElement): Filter {
  const old = element.textOf('Prefix');
  const filter = element.child('Filter');
  if ((old === undefined) === (filter === undefined)) throw malformed();
  if (!filter) return { isOld: true, prefix: checkedPrefix(old ?? '') };
  filter.expect(['Prefix', 'Tag', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan', 'And']);
  if (filter.children.length > 1 || filter.text.trim() !== '') throw malformed();
  const joined = filter.child('And');
  if (!joined) return partsOf(filter);
  joined.expect(['Prefix', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan'], ['Tag']);
  if (joined.children.length < 2) throw malformed();
  return { isJoined: true, ...partsOf(joined) };
}

function partsOf(element: XmlElement): Filter {
  const prefix = element.textOf('Prefix');
  const aboveBytes = sizeOf(element, 'ObjectSizeGreaterThan');
  const belowBytes = sizeOf(element, 'ObjectSizeLessThan');
  if (aboveBytes !== undefined && belowBytes !== undefined && aboveBytes >= belowBytes) {
    throw invalid('ObjectSizeLessThan has to be a value greater than ObjectSizeGreaterThan');
  }
  const tags = element.children.filter(({ name }) => name === 'Tag').map(tagOf);
  if (new Set(tags.map(([key]) => key)).size < tags.length) {
    throw invalid('Duplicate Tag Keys are not allowed.');
  }
  return {
    ...(prefix !== undefined && { prefix: checkedPrefix(prefix) }),
    ...(aboveBytes !== undefined && { aboveBytes }),
    ...(belowBytes !== undefined && { belowBytes }),
    ...(tags.length > 0 && { tags }),
  };
}

function checkedPrefix(prefix: string): string {
  if (Buffer.byteLength(prefix) > limits.s3KeyBytes) throw invalid('The maximum size of a prefix is 1024.');
  return prefix;
}

function tagOf(element: XmlElement): readonly [string, string] {
  const tag = [element.expect(['Key', 'Value']).textOf('Key') ?? '', element.textOf('Value') ?? ''] as const;
  checkTag(tag);
  return tag;
}

function sizeOf(element: XmlElement, name: string): number | undefined {
  const text = element.textOf(name)?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw malformed();
  return Number(text);
}

function daysOf(text: string, what: string): number {
  const trimmed = text.trim();
  if (!/^-?\d{1,9}$/.test(trimmed)) throw malformed();
  if (Number(trimmed) < 1) throw wrong(`'${what}' action must be a positive integer`);
  return Number(trimmed);
}

const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?$/;
const DAY_MS = 24 * 60 * 60 * 1_000;

function expirationOf(
  element: XmlElement | undefined,
): Pick<LifecycleRule, 'expiresDays' | 'expiresAtMs'> | undefined {
  if (!element) return undefined;
  element.expect(['Days', 'Date', 'ExpiredObjectDeleteMarker']);
  if (element.children.length !== 1) throw malformed();
  if (element.child('ExpiredObjectDeleteMarker')) {
    throw new S3Error('NotImplemented', undefined, { Element: 'ExpiredObjectDeleteMarker' });
  }
  const days = element.textOf('Days');
  if (days !== undefined) return { expiresDays: daysOf(days, "Days' for Expiration") };
  const date = element.textOf('Date')?.trim() ?? '';
  const expiresAtMs = DATE.test(date) ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw malformed();
  if (expiresAtMs % DAY_MS !== 0) throw wrong("'Date' must be at midnight GMT");
  return { expiresAtMs };
}

function abortionOf(element: XmlElement | undefined, filter: Filter): number | undefined {
  if (!element) return undefined;
  const days = element.expect(['DaysAfterInitiation']).textOf('DaysAfterInitiation');
  if (days === undefined) throw malformed();
  if (filter.tags) throw invalid('AbortIncompleteMultipartUpload cannot be specified with Tags.');
  if (filter.aboveBytes !== undefined || filter.belowBytes !== undefined) {
    throw invalid('AbortIncompleteMultipartUpload cannot be specified with Object Size.');
  }
  return daysOf(days, "DaysAfterInitiation' for AbortIncompleteMultipartUpload");
}

function addRule(xml: XmlWriter, rule: LifecycleRule): void {
  xml
    .open('Rule')
    .element('ID', rule.id)
    .plain('Status', rule.isEnabled ? 'Enabled' : 'Disabled');
  if (rule.isOld) xml.element('Prefix', rule.prefix ?? '');
  else {
    xml.open('Filter');
    if (rule.isJoined) xml.open('And');
    xml.optional('Prefix', rule.prefix);
    for (const [key, value] of rule.tags ?? []) {
      xml.open('Tag').element('Key', key).element('Value', value).close('Tag');
    }
    xml.optional('ObjectSizeGreaterThan', rule.aboveBytes?.toString());
    xml.optional('ObjectSizeLessThan', rule.belowBytes?.toString());
    if (rule.isJoined) xml.close('And');
    xml.close('Filter');
  }
  if (rule.expiresDays !== undefined || rule.expiresAtMs !== undefined) {
    xml.open('Expiration').optional('Days', rule.expiresDays?.toString());
    if (rule.expiresAtMs !== undefined) xml.plain('Date', new Date(rule.expiresAtMs).toISOString());
    xml.close('Expiration');
  }
  if (rule.abortsDays !== undefined) {
    xml.open('AbortIncompleteMultipartUpload').plain('DaysAfterInitiation', rule.abortsDays);
    xml.close('AbortIncompleteMultipartUpload');
  }
  xml.close('Rule');
}

// ── what answers tell ──

function rulesFor({ gateway, caller, bucket }: S3Call): readonly LifecycleRule[] | undefined {
  const properties = gateway.cloud.buckets.known(bucket, caller);
  return properties && settingIn(properties, lifecycle);
}

/** Adds when the object ends, where a rule says so. A bucket without rules pays one look at what it has. */
export function addExpiration(headers: string[], call: S3Call, object: StoredObject): void {
  const rules = rulesFor(call);
  const end = rules && expiryOf(rules, object);
  if (!end) return;
  const rule = encodeURIComponent(end.rule.id);
  headers.push('x-amz-expiration', `expiry-date="${httpDate(end.atMs)}", rule-id="${rule}"`);
}

/** Adds when the upload is aborted, where a rule says so. */
export function addAbortion(
  headers: string[],
  call: S3Call,
  upload: { readonly key: string; readonly startedMs: number },
): void {
  const rules = rulesFor(call);
  const end = rules && abortOf(rules, upload);
  if (!end) return;
  const rule = encodeURIComponent(end.rule.id);
  headers.push('x-amz-abort-date', httpDate(end.atMs), 'x-amz-abort-rule-id', rule);
}
