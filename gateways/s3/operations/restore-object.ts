// Owns RestoreObject, and what is told of the restoring of an object. Archived objects can be read at once
// here: each counts as restored, for ever. Guarantee: nobody waits for what is there.

import { limits } from '#core/kernel/limits.ts';
import { accept, documentBody, living, type S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { isArchived } from '../headers.ts';
import { replyEmpty } from '../reply.ts';
import { malformed, readXml, type XmlElement } from '../xml.ts';

const TIERS = ['Standard', 'Bulk', 'Expedited'];

export async function restoreObject(call: S3Call): Promise<void> {
  const { bytes } = await documentBody(call);
  checkRequest(readXml(bytes, 'RestoreRequest'));
  const { objects } = call.gateway.cloud;
  const object = living(call, accept(call, await objects.get(call.caller, call.bucket, call.key)));
  if (!isArchived(object.storageClass)) {
    const message = "Restore is not allowed for the object's current storage class";
    throw new S3Error('InvalidObjectState', message, { StorageClass: object.storageClass });
  }
  // 202 is for a restoring that begins, 200 for what is restored already.
  replyEmpty(call, 200);
}

function checkRequest(root: XmlElement): void {
  root.expect(['Days', 'GlacierJobParameters', 'Type', 'Tier', 'Description', ...SELECTION]);
  const unbuilt = SELECTION.find((name) => root.child(name));
  if (unbuilt !== undefined || root.child('Type')) {
    throw new S3Error('NotImplemented', undefined, { Element: unbuilt ?? 'Type' });
  }
  const days = root.textOf('Days')?.trim() ?? '';
  if (!/^\d{1,9}$/.test(days) || Number(days) < 1) throw malformed();
  const parameters = root.child('GlacierJobParameters')?.expect(['Tier']);
  const tier = parameters?.textOf('Tier') ?? root.textOf('Tier') ?? 'Standard';
  if (!TIERS.includes(tier.trim())) throw malformed();
  if ((root.textOf('Description') ?? '').length > limits.s3DescriptionCharacters) throw malformed();
}

const SELECTION = ['SelectParameters', 'OutputLocation'];
