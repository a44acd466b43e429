// Owns a digest thread: takes orders from digest-pool.ts, reads bodies where they lie in shared memory.
// Budget per update: no copy of the bytes, one message of four numbers in, one number out.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** An update: job, slot of the memory, offset in it, length. */
export type UpdateOrder = readonly [job: number, slot: number, offset: number, length: number];

export type DigestOrder =
  | UpdateOrder
  /** From now on `slot` means this memory. */
  | { readonly order: 'learn'; readonly slot: number; readonly memory: SharedArrayBuffer }
  | { readonly order: 'forget'; readonly slot: number }
  | { readonly order: 'start'; readonly job: number; readonly algorithm: string }
  /** An update with bytes that are in no shared memory. */
  | { readonly order: 'take'; readonly job: number; readonly bytes: Uint8Array }
  | { readonly order: 'finish' | 'cancel'; readonly job: number };

/** The number of a job: its oldest update is done. Otherwise the digest of a finished one. */
export type DigestReply = number | { readonly job: number; readonly digest: Uint8Array };

if (parentPort === null) throw new Error('this file is the program of a worker thread');
const port = parentPort;
const memories = new Map<number, Uint8Array>();
const jobs = new Map<number, Hash>();

port.on('message', (order: DigestOrder) => {
  if ('order' in order) obey(order);
  else {
    const [job, slot, offset, length] = order;
    jobs.get(job)?.update((memories.get(slot) as Uint8Array).subarray(offset, offset + length));
    port.postMessage(job satisfies DigestReply);
  }
});

function obey(order: Exclude<DigestOrder, UpdateOrder>): void {
  switch (order.order) {
    case 'learn':
      memories.set(order.slot, new Uint8Array(order.memory));
      break;
    case 'forget':
      memories.delete(order.slot);
      break;
    case 'start':
      jobs.set(order.job, createHash(order.algorithm));
      break;
    case 'take':
      jobs.get(order.job)?.update(order.bytes);
      port.postMessage(order.job satisfies DigestReply);
      break;
    case 'finish': {
      const digest = (jobs.get(order.job) as Hash).digest();
      jobs.delete(order.job);
      port.postMessage({ job: order.job, digest } satisfies DigestReply);
      break;
    }
    case 'cancel':
      jobs.delete(order.job);
      break;
  }
}
