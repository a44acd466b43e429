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
  logIndexFanIn: 3,

  orderedCheckpointMs: 1_000,
  orderedProduceRecords: 5,
  orderedWindow: 48,

  chunkBytes: 32 * KIB,
  blockBytes: 8 * KIB,
  chunkSmallestSegmentBytes: 128 * KIB,
  chunkFirstSegmentBytes: 128 * KIB,
  chunkSegmentBytes: 256 * KIB,
  chunkBatchBytes: 128 * KIB,
  chunkIndexLag: 64,
  chunkRepairsWaiting: 8,

  replicatorSlicePartitions: 8,
  replicatorStepChunks: 8,
  auditorStepChunks: 8,
  collectorSliceChunks: 8,
  collectorSlicePauseMs: 0,
  collectorCandidates: 20,

  streamBudgetBytes: 512 * KIB,
  streamChunksInFlight: 3,
  streamSmallBytes: 4 * KIB,
  streamSpillBytes: 64 * KIB,

  deviceSilentMs: 3_000,
  deviceDownMs: 4_000,
  deviceGoneMs: 8_000,
  deviceAsideMs: 3_000,
  deviceHungMs: 1_500,
  putGivenUpMs: 8_000,

  wireHandshakeMs: 2_000,
  wireFrameBytes: 16 * KIB,
  wireFieldsBytes: 4 * KIB,
  wireInlineBytes: 4 * KIB,
  wireDirectBytes: 8 * KIB,
  wireReceiveBytes: 16 * KIB,
  wireGatherBytes: 16 * KIB,
  wireSocketBytes: 64 * KIB,
  wireWindowBytes: 256 * KIB,
  wireDeviceBytes: 1024 * KIB,
  wireListBytes: 4 * KIB,
  wireCallMs: 3_000,
  wireFrameMs: 3_000,
  wirePayloadMs: 6_000,
  wireIdleMs: 12_000,
  wirePingMs: 3_000,
  wireTickMs: 1_000,
  wireRetryMaxMs: 1_000,

  readModelPendingRows: 40,
  readModelDecodedRows: 20,
  readModelBehindEvents: 60,
};

Object.assign(limits, SMALL);
