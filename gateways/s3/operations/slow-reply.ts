// Owns the answer of operations that may take as long as their bytes do.

import type { S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { failureOf } from '../failures.ts';
import { failureDocument, replyWhenDone } from '../reply.ts';

export interface SlowAnswer {
  readonly document: string;
  /** Told only where the answer has not begun before the work is done. */
  readonly headers?: readonly string[];
}

/** As replyWhenDone, with S3's error document for what goes wrong under a 200. */
export function replySlowly(call: S3Call, work: Promise<SlowAnswer>): Promise<void> {
  return replyWhenDone(call, work, (error) => {
    const failure = failureOf(error) ?? new S3Error('InternalError');
    if (failure.status >= 500)
      call.gateway.logger.error({ err: error, requestId: call.requestId }, 'slow answer');
    return failureDocument(call, failure, `/${call.bucket}/${call.key}`);
  });
}
