// Owns the operations on the tags of an object.

import { accept, documentBody, living, type S3Call } from '../call.ts';
import { replyEmpty, replyXml } from '../reply.ts';
import { objectTagsOf, taggingDocument } from '../tags.ts';

export async function getObjectTagging(call: S3Call): Promise<void> {
  const { objects } = call.gateway.cloud;
  const { tags } = living(call, accept(call, await objects.get(call.caller, call.bucket, call.key)));
  replyXml(call, taggingDocument(tags));
}

export async function putObjectTagging(call: S3Call): Promise<void> {
  const { bytes } = await documentBody(call);
  const tags = objectTagsOf(bytes);
  accept(call, await call.gateway.cloud.objects.tag(call.caller, call.bucket, call.key, tags));
  replyEmpty(call, 200);
}

export async function deleteObjectTagging(call: S3Call): Promise<void> {
  accept(call, await call.gateway.cloud.objects.tag(call.caller, call.bucket, call.key, undefined));
  replyEmpty(call, 204);
}
