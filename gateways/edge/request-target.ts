// Owns the request target as it was sent: nothing is decoded or normalised here.

export interface RequestTarget {
  /** Up to the first `?`, always from the path's first slash (or `*`). */
  readonly rawPath: string;
  /** After the first `?`; empty without one. */
  readonly rawQuery: string;
}

/** Splits a request target in origin form or absolute form (RFC 9112, section 3.2). */
export function splitTarget(url: string): RequestTarget {
  const target = url.charCodeAt(0) === 0x2f || url === '*' ? url : withoutAuthority(url);
  const mark = target.indexOf('?');
  if (mark === -1) return { rawPath: target, rawQuery: '' };
  return { rawPath: target.slice(0, mark), rawQuery: target.slice(mark + 1) };
}

function withoutAuthority(url: string): string {
  const rest = url.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}
