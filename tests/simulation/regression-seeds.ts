// Owns the seeds that are run for ever: each once showed a bug (docs/TRACK-RECORD.md), or covers much in
// short time.

/** Once showed a bug. */
export const REGRESSION_SEEDS = [34, 104, 112, 900] as const;

/** Between them: all logs, most faults, some seconds. */
export const QUICK_SEEDS = [1, 2, 3, 8, 13] as const;
