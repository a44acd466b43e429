// Owns the measure of judging requests: verifications per second, and bytes per second of signed chunks.

import { hash } from 'node:crypto';
import { ManualClock } from '#core/kernel/clock.ts';
import { MIB } from '#core/kernel/limits.ts';
import type { ByteSink } from '#storage-nodes/stream/blob-stream.ts';
import {
  authorization,
  EXAMPLE_MS,
  exampleContext,
  presignedExample,
  requestOf,
  requestOfExample,
  trailerExample,
} from '#tests/support/s3-requests.ts';
import { authenticate, type SignedRequest } from './authenticate.ts';
import { payloadSource } from './payload.ts';
import { chunkSignature, trailerSignature } from './signature-v4.ts';

const RUN_MS = 2_000;
const BATCH = 500;

function measure(bench: string, run: () => void): void {
  for (let index = 0; index < 20_000; index++) run();
  let runs = 0;
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  while (performance.now() - startMs < RUN_MS) {
    for (let index = 0; index < BATCH; index++) run();
    runs += BATCH;
  }
  const perSecond = runs / ((performance.now() - startMs) / 1_000);
  // Processor time too, which a busy machine does not stretch as much.
  const { user, system } = process.cpuUsage(startCpu);
  const cpuUs = Number(((user + system) / runs).toFixed(2));
  console.log(JSON.stringify({ bench, perSecond: Math.round(perSecond), cpuUs }));
}

/** A PUT as the AWS SDK for JavaScript sends it, signed by what the judge itself said it should be. */
function sdkPut(): SignedRequest {
  const names = [
    'content-length',
    'content-type',
    'host',
    'x-amz-checksum-crc32',
    'x-amz-content-sha256',
    'x-amz-date',
    'x-amz-sdk-checksum-algorithm',
    'x-amz-user-agent',
  ];
  const build = (signature: string) =>
    requestOf('PUT', '/bucket/folder/object%20number%2042.bin?x-id=PutObject', [
      ['Content-Type', 'application/octet-stream'],
      ['x-amz-checksum-crc32', 'NhCmhg=='],
      ['x-amz-sdk-checksum-algorithm', 'CRC32'],
      ['x-amz-user-agent', 'aws-sdk-js/3.1169.0'],
      ['user-agent', 'aws-sdk-js/3.1169.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#20.20.2 api/s3#3.1169.0'],
      ['Host', '127.0.0.1:9000'],
      ['Content-Length', '4096'],
      ['x-amz-content-sha256', hash('sha256', 'body')],
      ['x-amz-date', '20130524T000000Z'],
      ['authorization', authorization(names.join(';'), signature)],
      ['Connection', 'keep-alive'],
    ]);
  const outcome = authenticate(build('0'.repeat(64)), exampleContext());
  if (outcome.ok) throw new Error('a forged signature was accepted');
  const { StringToSign = '' } = outcome.error.details;
  const trusted = authenticate(requestOfExample(trailerExample), exampleContext());
  if (!trusted.ok || !trusted.signing) throw new Error('the example was refused');
  return build(trusted.signing.key.signHex(StringToSign));
}

function verify(bench: string, request: SignedRequest): void {
  const context = exampleContext(new ManualClock(EXAMPLE_MS));
  measure(bench, () => {
    const outcome = authenticate(request, context);
    if (!outcome.ok) throw new Error(outcome.error.message);
  });
}

const CHUNK_BYTES = 64 * 1024;
const CHUNKS = 256;

/** 16 MiB in signed chunks of 64 KiB, as node:http would cut it. */
function signedChunks(): void {
  const authenticated = authenticate(requestOfExample(trailerExample), exampleContext());
  if (!authenticated.ok || !authenticated.signing) throw new Error('the example was refused');
  const { signing } = authenticated;
  const data = Buffer.alloc(CHUNK_BYTES, 'a');
  const sha256 = hash('sha256', data);
  let previous = signing.seed;
  const wire: Buffer[] = [];
  for (let index = 0; index < CHUNKS; index++) {
    previous = chunkSignature(signing, previous, sha256);
    wire.push(Buffer.from(`${CHUNK_BYTES.toString(16)};chunk-signature=${previous}\r\n`), data);
    wire.push(Buffer.from('\r\n'));
  }
  previous = chunkSignature(signing, previous, hash('sha256', ''));
  const trailer = 'x-amz-checksum-crc32c:AAAAAA==';
  const last = trailerSignature(signing, previous, hash('sha256', `${trailer}\n`));
  wire.push(
    Buffer.from(`0;chunk-signature=${previous}\r\n${trailer}\r\nx-amz-trailer-signature:${last}\r\n`),
  );
  const whole = Buffer.concat(wire);
  const decodedBytes = CHUNKS * CHUNK_BYTES;
  const by = {
    ...authenticated,
    payload: { kind: 'chunked', signed: true, decodedBytes, trailers: ['x-amz-checksum-crc32c'] } as const,
  };
  let taken = 0;
  const sink: ByteSink = {
    write: (bytes) => {
      taken += bytes.length;
    },
    end: () => undefined,
    fail: (error) => {
      throw error;
    },
  };
  const startMs = performance.now();
  const none = () => undefined;
  while (performance.now() - startMs < RUN_MS) {
    const start = (into: ByteSink) => {
      for (let at = 0; at < whole.length; at += CHUNK_BYTES) into.write(whole.subarray(at, at + CHUNK_BYTES));
      into.end();
    };
    const body = { sizeBytes: whole.length, start, pause: none, resume: none, cancel: none };
    payloadSource(body, by, { maxBytes: decodedBytes }).start(sink);
  }
  const mibPerSecond = Math.round(taken / MIB / ((performance.now() - startMs) / 1_000));
  console.log(JSON.stringify({ bench: 'signed-chunks', chunkBytes: CHUNK_BYTES, mibPerSecond }));
}

verify('signature-v4-header', sdkPut());
verify('signature-v4-presigned', requestOfExample(presignedExample));
signedChunks();
