// Owns checksums as elements of documents.

import { CHECKSUM_TYPES, CHECKSUMS, isChecksumAlgorithm, isChecksumType } from '../checksums.ts';
import type { XmlWriter } from '../xml.ts';

export function addChecksumElements(
  xml: XmlWriter,
  of: {
    readonly checksumAlgorithm?: string | undefined;
    readonly checksum?: string | undefined;
    readonly checksumType?: string | undefined;
  },
): void {
  const { checksumAlgorithm, checksum, checksumType } = of;
  if (checksum === undefined || !isChecksumAlgorithm(checksumAlgorithm)) return;
  xml.element(CHECKSUMS[checksumAlgorithm].element, checksum);
  if (isChecksumType(checksumType)) xml.plain('ChecksumType', CHECKSUM_TYPES[checksumType]);
}

/** `ChecksumAlgorithm` and `ChecksumType`, as listings show them. */
export function addChecksumKind(
  xml: XmlWriter,
  of: { readonly checksumAlgorithm?: string; readonly checksumType?: string },
): void {
  if (!isChecksumAlgorithm(of.checksumAlgorithm)) return;
  xml.plain('ChecksumAlgorithm', CHECKSUMS[of.checksumAlgorithm].name);
  if (isChecksumType(of.checksumType)) xml.plain('ChecksumType', CHECKSUM_TYPES[of.checksumType]);
}
