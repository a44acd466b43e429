// Owns the reading of `Range` (RFC 9110, section 14) and `x-amz-copy-source-range`. A `Range` that is
// malformed, of another unit or of several ranges is ignored, as RFC 9110 allows and S3 does; one beyond the
// object is refused.

import { S3Error } from './errors.ts';

/** Bytes `offset` to `offset + length` of an object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;
const COPY_RANGE = /^bytes=(\d+)-(\d+)$/;

/** Undefined: the whole object. @throws S3Error InvalidRange */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = RANGE.exec(header);
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return undefined;
    const suffix = Math.min(Number(last), sizeBytes);
    if (suffix === 0) throw unsatisfiable(header, sizeBytes);
    return { offset: sizeBytes - suffix, length: suffix };
  }
  const offset = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < offset) return undefined;
  if (offset >= sizeBytes) throw unsatisfiable(header, sizeBytes);
  return { offset, length: end - offset };
}

/**
 * Here both ends are demanded, and must lie within the source. @throws S3Error InvalidArgument, InvalidRange
 */
export function copyRangeOf(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = COPY_RANGE.exec(header);
  const offset = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (!match || last < offset) {
    throw new S3Error(
      'InvalidArgument',
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the ' +
        'zero-based offsets of the first and last bytes to copy',
      { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header },
    );
  }
  if (last >= sizeBytes) {
    throw new S3Error(
      'InvalidArgument',
      `Range specified is not valid for source object of size: ${sizeBytes}`,
      {
        ArgumentName: 'x-amz-copy-source-range',
        ArgumentValue: header,
      },
    );
  }
  return { offset, length: last - offset + 1 };
}

function unsatisfiable(header: string, sizeBytes: number): S3Error {
  return new S3Error(
    'InvalidRange',
    undefined,
    { RangeRequested: header, ActualObjectSize: String(sizeBytes) },
    ['Content-Range', `bytes */${sizeBytes}`],
  );
}
