// Owns the digests of bodies: the port behind which they run here or on other threads, and the version
// that runs here. Budget per update: no copy, no allocation save one BigInt a piece for crc64nvme, no
// await.

import { createHash, hash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import type { DigestAlgorithm } from './blob-stream.ts';
import { crc64nvme } from './crc64nvme.ts';

/** By algorithm; CRCs big-endian, 4 or 8 bytes. */
export type Digests = Partial<Record<DigestAlgorithm, Uint8Array>>;

/** The digests of one body under way. */
export interface RunningDigest {
  /**
   * Takes in the next bytes. Settles when they may be reused; `undefined` means: already taken in.
   * It rejects when the digest is lost: Fault `busy` or `closed`. An update may follow one that has not
   * settled.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** Called once, after the last update. @throws as `update`. */
  finish(): Promise<Digests> | Digests;
  /** Nothing more is wanted of this digest. Updates under way settle all the same. */
  cancel(): void;
}

export interface DigestPool {
  start(algorithms: readonly DigestAlgorithm[]): RunningDigest;
  /** The memory will not be passed to an update again. */
  forget(memory: SharedArrayBuffer): void;
  /** Ends what runs, with Fault `closed`. */
  close(): Promise<void>;
}

/** One digest under way on this thread. */
export interface DigestState {
  update(bytes: Uint8Array): void;
  finish(): Uint8Array;
}

export function startDigest(algorithm: DigestAlgorithm): DigestState {
  switch (algorithm) {
    case 'crc32':
      return running32(crc32);
    case 'crc32c':
      return running32(crc32c);
    case 'crc64nvme':
      return running64();
    default: {
      const state = createHash(algorithm);
      return { update: (bytes) => void state.update(bytes), finish: () => state.digest() };
    }
  }
}

function running32(crc: (bytes: Uint8Array, before: number) => number): DigestState {
  let value = 0;
  return {
    update: (bytes) => {
      value = crc(bytes, value);
    },
    finish: () => encode32(value),
  };
}

function running64(): DigestState {
  let value = 0n;
  return {
    update: (bytes) => {
      value = crc64nvme(bytes, value);
    },
    finish: () => encode64(value),
  };
}

/** Of a whole small body: one call each, no state. */
export function digestOnce(algorithms: readonly DigestAlgorithm[], bytes: Uint8Array): Digests {
  const digests: Digests = {};
  for (const algorithm of algorithms) digests[algorithm] = digestOf(algorithm, bytes);
  return digests;
}

function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): Uint8Array {
  switch (algorithm) {
    case 'crc32':
      return encode32(crc32(bytes));
    case 'crc32c':
      return encode32(crc32c(bytes));
    case 'crc64nvme':
      return encode64(crc64nvme(bytes));
    default:
      return hash(algorithm, bytes, 'buffer');
  }
}

function encode32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function encode64(value: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Digests on the calling thread: for the simulator, and wherever there are no threads to spare. */
export function createInlineDigestPool(): DigestPool {
  return { start: startInline, forget: () => undefined, close: async () => undefined };
}

function startInline(algorithms: readonly DigestAlgorithm[]): RunningDigest {
  const states = algorithms.map((algorithm) => ({ algorithm, state: startDigest(algorithm) }));
  return {
    update: (bytes) => {
      for (const { state } of states) state.update(bytes);
      return undefined;
    },
    finish: () => {
      const digests: Digests = {};
      for (const { algorithm, state } of states) digests[algorithm] = state.finish();
      return digests;
    },
    cancel: () => undefined,
  };
}
