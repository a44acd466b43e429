// Owns the limits under which the simulator runs: so small that a few hundred operations fill segments, roll
// them, cut bodies into chunks, wait for budget and page through lists. To be imported before any other
// module: some compute constants from the limits when they are loaded.

import { KIB, limits } from '#core/kernel/limits.ts';

const SMALL: Partial<Record<keyof typeof limits, number>> = {
  eventPayloadBytes: 32 * KIB,
  logFirstSegmentBytes: 32 * KIB,
  logBatchBytes: 256 * KIB,
  logFlushAppends: 4,
  followBatchEvents: 8,
  logRecentBytes: 16 * KIB,
  logReadBytes: 16 * KIB,
  logCacheBytes: 256 * KIB,

  chunkBytes: 32 * KIB,
  blockBytes: 8 * KIB,
  chunkSmallestSegmentBytes: 128 * KIB,
  chunkFirstSegmentBytes: 128 * KIB,
  chunkSegmentBytes: 256 * KIB,
  chunkBatchBytes: 128 * KIB,
  chunkIndexLag: 64,
  chunkRepairsWaiting: 8,

  replicatorStepChunks: 8,
  auditorStepChunks: 8,
  collectorSliceChunks: 8,

  streamBudgetBytes: 512 * KIB,
  streamChunksInFlight: 3,
  streamSmallBytes: 4 * KIB,
  streamSpillBytes: 64 * KIB,

  readModelPendingRows: 40,
  readModelDecodedRows: 20,
};

Object.assign(limits, SMALL);
