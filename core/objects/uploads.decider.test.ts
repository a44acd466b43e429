// Owns the specification of a multipart upload's life.

import test from 'ava';
import { deciderSpec } from '#tests/support/decider-spec.ts';
import { partDecider, uploadDecider } from './uploads.decider.ts';
import type { UploadEvent } from './uploads.events.ts';

const upload = {
  key: 'k',
  owner: 'ada',
  contentType: 'text/plain',
  headers: {},
  metadata: {},
  storageClass: 'STANDARD',
};
const started: UploadEvent = { type: 'UploadStarted', data: upload };
const completed: UploadEvent = { type: 'UploadCompleted', data: {} };
const aborted: UploadEvent = { type: 'UploadAborted', data: {} };

test('an upload starts, and ends once', (t) => {
  const { given } = deciderSpec(t, uploadDecider);
  given().when({ type: 'StartUpload', upload }).then([started]);
  given(started).when({ type: 'CompleteUpload' }).then([completed]);
  given(started).when({ type: 'AbortUpload' }).then([aborted]);
});

test('an upload that has ended is not aborted, and closing it again changes nothing', (t) => {
  const { given } = deciderSpec(t, uploadDecider);
  given(started, completed).when({ type: 'AbortUpload' }).then({ rejected: 'no-such-upload' });
  given(started, aborted).when({ type: 'AbortUpload' }).then({ rejected: 'no-such-upload' });
  given(started, completed).when({ type: 'CompleteUpload' }).then([]);
  given().when({ type: 'AbortUpload' }).then({ rejected: 'no-such-upload' });
});

test('a part may be sent again', (t) => {
  const part = { blob: 'b', sizeBytes: 1, chunkBytes: 1, etag: 'e' };
  const uploaded = { type: 'PartUploaded', data: part } as const;
  deciderSpec(t, partDecider).given(uploaded).when({ type: 'PutPart', part }).then([uploaded]);
});
