// Owns the progress of long commands: a bar on stderr where a person looks, nothing where a program reads.

import { Presets, SingleBar } from 'cli-progress';
import type { ReportProgress } from './operations.ts';

/** Runs `work` under a bar; the bar is gone when it ends, well or not. */
export async function withProgressBar<Result>(
  label: string,
  work: (report: ReportProgress) => Promise<Result>,
): Promise<Result> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% · {value} of {total} · {eta_formatted} left`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  bar.start(0, 0);
  try {
    return await work(({ done, total }) => {
      bar.setTotal(total);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}
