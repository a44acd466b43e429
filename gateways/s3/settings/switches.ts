// Owns the configurations of a bucket that say one word. Honest both: nobody is billed here, so who pays is
// kept and has no effect; there is no faster endpoint, so acceleration can only be off.

import { limits } from '#core/kernel/limits.ts';
import { S3Error } from '../errors.ts';
import { malformed } from '../xml.ts';
import type { Setting } from './setting.ts';

export const requestPayment: Setting<'Requester'> = {
  property: 's3/request-payment',
  root: 'RequestPaymentConfiguration',
  missing: undefined,
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root) {
    const payer = root.expect(['Payer']).textOf('Payer');
    if (payer !== 'Requester' && payer !== 'BucketOwner') throw malformed();
    return payer === 'Requester' ? payer : undefined;
  },
  write: (xml, payer) => {
    xml.plain('Payer', payer ?? 'BucketOwner');
  },
};

export const acceleration: Setting<'Suspended'> = {
  property: 's3/accelerate',
  root: 'AccelerateConfiguration',
  missing: undefined,
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root, { bucket }) {
    const status = root.expect(['Status']).textOf('Status');
    if (status !== 'Enabled' && status !== 'Suspended') throw malformed();
    if (bucket.includes('.')) {
      throw new S3Error(
        'InvalidRequest',
        'S3 Transfer Acceleration is not supported for buckets with periods (.) in their names',
      );
    }
    if (status === 'Enabled') {
      throw new S3Error('NotImplemented', 'There is no accelerated endpoint.', { Element: 'Status' });
    }
    return status;
  },
  write: (xml, status) => {
    xml.optional('Status', status);
  },
};
