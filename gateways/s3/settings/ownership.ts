// Owns whose the objects of a bucket are (Amazon S3 User Guide, "Controlling ownership of objects"). A bucket
// of which nothing is said owns all that is in it, and has no access control lists, as new ones at Amazon.

import { limits } from '#core/kernel/limits.ts';
import { S3Error } from '../errors.ts';
import { malformed } from '../xml.ts';
import type { Setting } from './setting.ts';

const RULES = ['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'] as const;
/** `none`: the controls were deleted, and whoever writes owns. */
export type Ownership = (typeof RULES)[number] | 'none';

/** @throws S3Error InvalidArgument */
export function ownershipOf(text: string): Ownership {
  const rule = RULES.find((each) => each === text);
  if (rule) return rule;
  throw new S3Error('InvalidArgument', `Invalid x-amz-object-ownership header: ${text}`, {
    ArgumentName: 'x-amz-object-ownership',
    ArgumentValue: text,
  });
}

export const ownership: Setting<Ownership> = {
  property: 's3/ownership',
  root: 'OwnershipControls',
  missing: undefined,
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root) {
    const rule = root.expect(['Rule']).child('Rule')?.expect(['ObjectOwnership']);
    const text = rule?.textOf('ObjectOwnership')?.trim();
    const found = RULES.find((each) => each === text);
    if (!found) throw malformed();
    return found;
  },
  write(xml, value = 'BucketOwnerEnforced') {
    if (value === 'none') throw new S3Error('OwnershipControlsNotFoundError');
    xml.open('Rule').plain('ObjectOwnership', value).close('Rule');
  },
};
