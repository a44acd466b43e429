// Owns tags of objects and of buckets: what may be one (Amazon S3 User Guide, "Categorizing your objects
// using tags", "Using cost allocation S3 bucket tags"), in documents, in the header `x-amz-tagging` and in
// forms. They are stored and shown in order of their keys.

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import type { Tags } from '#core/objects/objects.events.ts';
import { parseQuery } from '#gateways/edge/query-string.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { malformed, readXml, type XmlElement, XmlWriter } from './xml.ts';

type Tag = readonly [key: string, value: string];

const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const HEADER = 'x-amz-tagging';

/** The tags of an object in a `Tagging` document. @throws S3Error MalformedXML, InvalidTag */
export function objectTagsOf(document: Uint8Array): Tags | undefined {
  const tags = tagsIn(tagSetIn(readXml(document, 'Tagging')));
  // Amazon's own answer names it BadRequest, as it does for the header; its clients' suites know InvalidTag.
  if (tags.length > limits.s3ObjectTags) throw new S3Error('InvalidTag', TOO_MANY_OF_AN_OBJECT);
  return tagSetOf(tags, 'Your TagKey cannot be prefixed with aws:');
}

/** The tags of a bucket. @throws S3Error MalformedXML, InvalidTag, BadRequest */
export function bucketTagsOf(root: XmlElement): Tags {
  return bucketTagsIn(tagSetIn(root));
}

/** @param set its children are the tags */
export function bucketTagsIn(set: XmlElement): Tags {
  const tags = tagsIn(set);
  if (tags.length > limits.s3BucketTags) {
    throw new S3Error('BadRequest', `Bucket tag count cannot be greater than ${limits.s3BucketTags}`);
  }
  return tagSetOf(tags, 'System tags cannot be added/updated by requester') ?? { values: {} };
}

/** What the header asks for; undefined: nothing. @throws S3Error InvalidArgument, InvalidTag, BadRequest */
export function headerTagsOf(headers: IncomingHttpHeaders): Tags | undefined {
  const value = headers[HEADER];
  if (value === undefined || value === '') return undefined;
  const tags = parseQuery(String(value));
  if (!tags || new Set(tags.map(([key]) => key)).size < tags.length) {
    throw invalidArgument(
      HEADER,
      String(value),
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without " +
        'tag name duplicates.',
    );
  }
  if (tags.length > limits.s3ObjectTags) throw new S3Error('BadRequest', TOO_MANY_OF_AN_OBJECT);
  return tagSetOf(tags, 'Your TagKey cannot be prefixed with aws:');
}

/** Whether a copy takes the tags of the request, not those of its source. @throws S3Error InvalidArgument */
export function replacesTags(headers: IncomingHttpHeaders): boolean {
  const directive = headers['x-amz-tagging-directive'];
  if (directive === undefined || directive === 'COPY') return false;
  if (directive === 'REPLACE') return true;
  throw invalidArgument('x-amz-tagging-directive', String(directive), 'Unknown tagging directive.');
}

const TOO_MANY_OF_AN_OBJECT = `Object tags cannot be greater than ${limits.s3ObjectTags}`;

function tagSetIn(root: XmlElement): XmlElement {
  const set = root.expect(['TagSet']).child('TagSet');
  if (!set) throw malformed();
  return set;
}

function tagsIn(set: XmlElement): Tag[] {
  return set.expect([], ['Tag']).children.map((tag) => {
    tag.expect(['Key', 'Value']);
    const key = tag.textOf('Key');
    const value = tag.textOf('Value');
    if (key === undefined || value === undefined) throw malformed();
    return [key, value];
  });
}

/** @throws S3Error InvalidTag */
export function checkTag([key, value]: Tag): void {
  if (key === '' || key.length > limits.s3TagKeyCharacters || !TAG_TEXT.test(key)) {
    throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid', { TagKey: key });
  }
  if (value.length > limits.s3TagValueCharacters || !TAG_TEXT.test(value)) {
    const details = { TagKey: key, TagValue: value };
    throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid', details);
  }
}

function tagSetOf(tags: readonly Tag[], reserved: string): Tags | undefined {
  for (const tag of tags) {
    checkTag(tag);
    const [key] = tag;
    if (/^aws:/i.test(key)) throw new S3Error('InvalidTag', reserved, { TagKey: key });
  }
  if (new Set(tags.map(([key]) => key)).size < tags.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  }
  return tags.length === 0 ? undefined : { values: Object.fromEntries(tags) };
}

export function addTagSet(xml: XmlWriter, tags: Tags | undefined): void {
  xml.open('TagSet');
  for (const [key, value] of Object.entries(tags?.values ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    xml.open('Tag').element('Key', key).element('Value', value).close('Tag');
  }
  xml.close('TagSet');
}

export function taggingDocument(tags: Tags | undefined): string {
  const xml = new XmlWriter('Tagging');
  addTagSet(xml, tags);
  return xml.document();
}

export const tagCount = (tags: Tags): number => Object.keys(tags.values).length;
