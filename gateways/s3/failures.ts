// Owns the one translation of whatever was thrown into an S3 error: our own errors and the refusals of ./auth
// as they are, faults by their table. What is none of these is a bug or unforeseen, and stays undefined.

import { isFault } from '#core/kernel/errors.ts';
import { refusalOf } from './auth/refusal.ts';
import { FAULTS, S3Error, type S3Failure } from './errors.ts';

const CAUSES_MAX = 8;

export function failureOf(error: unknown): S3Failure | undefined {
  // A fault may wrap what a describe() or a body threw: the innermost of S3's own errors is the truth.
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at instanceof S3Error) return at;
    at = at.cause;
  }
  return refusalOf(error) ?? (isFault(error) ? new S3Error(FAULTS[error.code]) : undefined);
}
