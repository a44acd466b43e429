// Owns the operations on the tags of an object.

import { accept, documentBody, type S3Call } from '../call.ts';
import { answerHeaders, replyEmpty, replyXml } from '../reply.ts';
import { objectTagsOf, taggingDocument } from '../tags.ts';
import { objectOf } from './find-object.ts';

export async function getObjectTagging(call: S3Call): Promise<void> {
  const { tags, version } = await objectOf(call);
  const answer = answerHeaders(call);
  if (version !== undefined) answer.push('x-amz-version-id', version);
  replyXml(call, taggingDocument(tags), answer);
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
