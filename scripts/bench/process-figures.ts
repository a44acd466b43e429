// Owns what Linux tells of a running process: the processor time that it has used and its memory.

import { readFileSync } from 'node:fs';

/** Of /proc/PID/stat, in hundredths of a second. */
const CLOCK_TICK_MS = 10;

/** Processor time of all threads, user and system, since the process began. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

export function residentMib(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1]) / 1024);
}
