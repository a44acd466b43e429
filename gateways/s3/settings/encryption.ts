// Owns how a bucket encrypts what is put into it without a word about it (Amazon S3 API Reference,
// "ServerSideEncryptionConfiguration"). A bucket of which nothing is said does not: Amazon's all do.

import { limits } from '#core/kernel/limits.ts';
import { ENCRYPTION_PROPERTY } from '#services/sealed-blobs.ts';
import { S3Error } from '../errors.ts';
import { malformed } from '../xml.ts';
import type { Setting } from './setting.ts';

interface DefaultEncryption {
  readonly algorithm: 'AES256';
  readonly hasBucketKey: boolean;
}

export const encryption: Setting<DefaultEncryption> = {
  property: ENCRYPTION_PROPERTY,
  root: 'ServerSideEncryptionConfiguration',
  missing: 'ServerSideEncryptionConfigurationNotFoundError',
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root) {
    const rule = root.expect(['Rule']).child('Rule');
    rule?.expect(['ApplyServerSideEncryptionByDefault', 'BucketKeyEnabled', 'BlockedEncryptionTypes']);
    if (rule?.child('BlockedEncryptionTypes')) throw unbuilt('BlockedEncryptionTypes');
    const byDefault = rule?.child('ApplyServerSideEncryptionByDefault');
    byDefault?.expect(['SSEAlgorithm', 'KMSMasterKeyID']);
    const algorithm = byDefault?.textOf('SSEAlgorithm');
    const bucketKey = rule?.textOf('BucketKeyEnabled') ?? 'false';
    if (bucketKey !== 'true' && bucketKey !== 'false') throw malformed();
    if (algorithm === 'aws:kms' || algorithm === 'aws:kms:dsse') throw unbuilt('SSEAlgorithm');
    if (algorithm !== 'AES256') throw malformed();
    if (byDefault?.textOf('KMSMasterKeyID') !== undefined) {
      const message = 'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms';
      throw new S3Error('InvalidArgument', message, { ArgumentName: 'ApplyServerSideEncryptionByDefault' });
    }
    return { algorithm, hasBucketKey: bucketKey === 'true' };
  },
  write(xml, value) {
    if (!value) return;
    xml.open('Rule').open('ApplyServerSideEncryptionByDefault').plain('SSEAlgorithm', value.algorithm);
    xml.close('ApplyServerSideEncryptionByDefault').plain('BucketKeyEnabled', value.hasBucketKey);
    xml.close('Rule');
  },
};

const unbuilt = (element: string): S3Error => new S3Error('NotImplemented', undefined, { Element: element });
