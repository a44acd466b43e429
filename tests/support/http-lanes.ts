// Owns the two ways in which the HTTP server reads a request, so that a test can go both.

export interface HttpLane {
  readonly name: string;
  /** A header line that leads a request that way. */
  readonly line: string;
}

export const HTTP_LANES: readonly HttpLane[] = [
  { name: 'read plainly', line: '' },
  { name: 'read by node:http', line: 'TE: trailers\r\n' },
];
