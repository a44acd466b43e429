// Owns the decisions about a multipart upload and about its parts.

import { unreachable } from '#core/kernel/assert.ts';
import type { Decider } from '#core/kernel/decider.ts';
import type { EventOf } from '#core/kernel/lifecycle.ts';
import type { PartEvent, parts, UploadEvent, uploads } from './uploads.events.ts';

export type UploadState = { readonly status: 'absent' | 'active' | 'completed' | 'aborted' };

type DataOfEvent<Event extends { type: string; data: unknown }, Type extends Event['type']> = Extract<
  Event,
  { type: Type }
>['data'];

export type UploadCommand =
  | {
      readonly type: 'StartUpload';
      readonly upload: DataOfEvent<EventOf<typeof uploads.table>, 'UploadStarted'>;
    }
  | { readonly type: 'CompleteUpload' }
  | { readonly type: 'AbortUpload' };

export const uploadDecider: Decider<UploadState, UploadCommand, UploadEvent, 'no-such-upload'> = {
  family: 'uploads',
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'StartUpload':
        return [{ type: 'UploadStarted', data: command.upload }];
      case 'CompleteUpload':
        // The object's own event was the commit; that the upload has ended meanwhile takes nothing from it.
        return state.status === 'active' ? [{ type: 'UploadCompleted', data: {} }] : [];
      case 'AbortUpload':
        if (state.status !== 'active') return { rejected: 'no-such-upload' };
        return [{ type: 'UploadAborted', data: {} }];
      default:
        return unreachable(command);
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'UploadStarted':
        return { status: 'active' };
      case 'UploadCompleted':
        return { status: 'completed' };
      case 'UploadAborted':
        return { status: 'aborted' };
      default:
        return unreachable(event);
    }
  },
};

export type PartState = { readonly status: 'absent' | 'present' };

export type PartCommand = {
  readonly type: 'PutPart';
  readonly part: DataOfEvent<EventOf<typeof parts.table>, 'PartUploaded'>;
};

/**
 * A part may be sent again, and the last one counts; that its upload is still active is the append's guard.
 */
export const partDecider: Decider<PartState, PartCommand, PartEvent, never> = {
  family: 'parts',
  initial: { status: 'absent' },
  decide: (_state, command) => [{ type: 'PartUploaded', data: command.part }],
  evolve: () => ({ status: 'present' }),
};
