// Owns how what a device throws crosses the wire: faults keep their code, so that the caller judges them as
// if the device were its own; of anything else, and of codes not known here, the message is left, and counts
// as a failure of the device. A bug does not cross: it stops the process that has it.

import { FAULT_CODES, Fault, type FaultCode, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { FieldReader, FieldWriter } from './fields.ts';

export function writeFault(fields: FieldWriter, error: unknown): void {
  fields.text(isFault(error) ? error.code : '');
  writeReason(fields, error instanceof Error ? error.message : String(error));
}

/** @throws WireError */
export function readFault(fields: FieldReader): Error {
  const code = fields.text();
  const message = fields.text();
  fields.finish();
  return Object.hasOwn(FAULT_CODES, code) ? new Fault(code as FaultCode, message) : new Error(message);
}

/** A text for people, cut to limits.wireReasonBytes. */
export function writeReason(fields: FieldWriter, reason: string): void {
  // A character has three bytes at most for each of its units.
  fields.text(reason.slice(0, Math.floor(limits.wireReasonBytes / 3)));
}
