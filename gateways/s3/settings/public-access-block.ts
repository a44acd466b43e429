// Owns what of public access to a bucket is blocked, whatever its policy and its lists say (Amazon S3 User
// Guide, "Blocking public access to your Amazon S3 storage").

import { limits } from '#core/kernel/limits.ts';
import { malformed, type XmlElement } from '../xml.ts';
import type { Setting } from './setting.ts';

export interface BlockedAccess {
  /** Lists that let in the public are refused; */
  readonly blockPublicAcls: boolean;
  /** those that are there do not count; */
  readonly ignorePublicAcls: boolean;
  /** policies that let in the public are refused; */
  readonly blockPublicPolicy: boolean;
  /** one that is there lets in nobody but the owner's account. */
  readonly restrictPublicBuckets: boolean;
}

export const NOTHING_BLOCKED: BlockedAccess = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

const ELEMENTS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'];

export const publicAccessBlock: Setting<BlockedAccess> = {
  property: 's3/public-access-block',
  root: 'PublicAccessBlockConfiguration',
  missing: 'NoSuchPublicAccessBlockConfiguration',
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root) {
    root.expect(ELEMENTS);
    const [blockPublicAcls, ignorePublicAcls, blockPublicPolicy, restrictPublicBuckets] = ELEMENTS.map(
      (name) => isTrue(root, name),
    ) as [boolean, boolean, boolean, boolean];
    return { blockPublicAcls, ignorePublicAcls, blockPublicPolicy, restrictPublicBuckets };
  },
  write(xml, blocked = NOTHING_BLOCKED) {
    const { blockPublicAcls, ignorePublicAcls, blockPublicPolicy, restrictPublicBuckets } = blocked;
    xml.plain('BlockPublicAcls', blockPublicAcls).plain('IgnorePublicAcls', ignorePublicAcls);
    xml.plain('BlockPublicPolicy', blockPublicPolicy).plain('RestrictPublicBuckets', restrictPublicBuckets);
  },
};

function isTrue(root: XmlElement, name: string): boolean {
  const text = root.textOf(name)?.trim().toLowerCase() ?? 'false';
  if (text !== 'true' && text !== 'false') throw malformed();
  return text === 'true';
}
