// Owns the handshake: what each side says first, and how it proves that it holds the secret. Guarantees that
// a proof is of use in no other connection, direction or version, and to no other node: it covers both
// hellos whole, with 32 fresh random bytes of each side. With TLS the proofs are empty.
//
//   gateway -> node  hello   magic, versions it speaks, how it proves itself, random bytes, the node meant
//   node -> gateway  hello   the same of the node; the versions are the one chosen
//   gateway -> node  proof   HMAC-SHA-256(secret, 'strata gateway' + both hellos)
//   node -> gateway  proof   HMAC-SHA-256(secret, 'strata node' + both hellos)
//
// The layout of hello and goodbye never changes, so that any version can refuse any other in clear words.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { type FieldReader, FieldWriter, WireError } from './fields.ts';
import type { WireCredentials } from './node-wire.ts';

/** 'STRW' as it stands on the wire. */
const MAGIC = 0x57525453;
const WIRE_VERSION = 1;
const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const BY_SECRET = 0;
const BY_TLS = 1;

export interface Hello {
  readonly lowestVersion: number;
  readonly highestVersion: number;
  readonly provesBy: number;
  readonly nonce: Uint8Array;
  readonly node: string;
}

export function newHello(credentials: WireCredentials, random: Random, node: string): Hello {
  return {
    lowestVersion: WIRE_VERSION,
    highestVersion: WIRE_VERSION,
    provesBy: 'secret' in credentials ? BY_SECRET : BY_TLS,
    nonce: random.fill(Buffer.alloc(NONCE_BYTES)),
    node,
  };
}

export function writeHello(fields: FieldWriter, hello: Hello): void {
  fields.uint32(MAGIC);
  fields.uint16(hello.lowestVersion);
  fields.uint16(hello.highestVersion);
  fields.uint8(hello.provesBy);
  fields.exactly(hello.nonce);
  fields.text(hello.node);
}

/** @throws WireError */
export function readHello(fields: FieldReader): Hello {
  if (fields.uint32() !== MAGIC) throw new WireError('not the protocol of storage nodes');
  const hello = {
    lowestVersion: fields.uint16(),
    highestVersion: fields.uint16(),
    provesBy: fields.uint8(),
    nonce: fields.exactly(NONCE_BYTES),
    node: fields.text(),
  };
  fields.finish();
  return hello;
}

/** What a node has against a gateway's hello, in words for its operator; undefined: nothing. */
export function objectionTo(gateway: Hello, node: Hello): string | undefined {
  const [lowest, highest] = [gateway.lowestVersion, gateway.highestVersion];
  if (WIRE_VERSION < lowest || WIRE_VERSION > highest) {
    const theirs = lowest === highest ? `${lowest}` : `${lowest} to ${highest}`;
    return `this node speaks version ${WIRE_VERSION} of the protocol, the gateway ${theirs}`;
  }
  if (gateway.node !== node.node) return `this is node ${node.node}, and ${gateway.node} was meant`;
  if (gateway.provesBy !== node.provesBy)
    return `this node wants ${node.provesBy === BY_TLS ? 'TLS' : 'the shared secret'}`;
  return undefined;
}

/** What a gateway has against a node's hello. */
export function objectionToNode(node: Hello, gateway: Hello): string | undefined {
  if (node.lowestVersion !== WIRE_VERSION || node.highestVersion !== WIRE_VERSION)
    return `the node chose version ${node.lowestVersion} of the protocol, the gateway speaks ${WIRE_VERSION}`;
  if (node.node !== gateway.node) return `it is node ${node.node}, and ${gateway.node} was meant`;
  if (node.provesBy !== gateway.provesBy) return 'it proves itself in another way';
  return undefined;
}

/** Empty with TLS, which has proven it already. */
export function proofOf(
  side: 'gateway' | 'node',
  credentials: WireCredentials,
  gateway: Hello,
  node: Hello,
): Buffer {
  if (!('secret' in credentials)) return Buffer.alloc(0);
  const hmac = createHmac('sha256', credentials.secret).update(`strata ${side}\0`);
  for (const hello of [gateway, node]) hmac.update(encoded(hello));
  return hmac.digest();
}

/** In a time that tells nothing. */
export function proves(given: Uint8Array, wanted: Uint8Array): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** @throws WireError */
export function readProof(fields: FieldReader): Buffer {
  const proof = fields.bytes();
  if (proof.length > PROOF_BYTES) throw new WireError('a proof that is none');
  return proof;
}

function encoded(hello: Hello): Buffer {
  const buffer = Buffer.alloc(limits.wireFieldsBytes);
  const fields = new FieldWriter();
  fields.begin(buffer, 0);
  writeHello(fields, hello);
  return buffer.subarray(0, fields.end);
}
