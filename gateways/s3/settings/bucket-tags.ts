// Owns the tags of a bucket.

import { limits } from '#core/kernel/limits.ts';
import type { Tags } from '#core/objects/objects.events.ts';
import { addTagSet, bucketTagsOf } from '../tags.ts';
import type { Setting } from './setting.ts';

export const bucketTags: Setting<Tags> = {
  property: 's3/tagging',
  root: 'Tagging',
  missing: 'NoSuchTagSet',
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 204,
  read: bucketTagsOf,
  write: addTagSet,
};
