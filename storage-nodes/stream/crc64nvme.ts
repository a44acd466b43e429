// Owns CRC-64/NVME (NVM Express NVM Command Set Specification, "64b CRC Polynomials"; "CRC-64/NVME" in
// the RevEng catalogue) in a WebAssembly module assembled here. Budget per MiB: 1 MiB copied into the
// module's memory in pieces of 64 KiB that stay in the cache, 16 calls, 16 BigInts.
// The algorithm is "slicing-by-16" (Kounavis and Berry, "A Systematic Approach to Building High
// Performance, Software-based, CRC Generators", 2005): table k gives what one byte does to the checksum k
// bytes later, so sixteen look-ups that do not wait for one another take in sixteen bytes.

/** The polynomial 0xAD93D23594C93659 with its bits in reverse order. */
export const CRC64_NVME_REFLECTED = 0x9a6c9329ac4bc9b5n;

const SLICES = 16;
const TABLE_BYTES = 256 * 8;
const TABLES_BYTES = SLICES * TABLE_BYTES;
const INPUT_BYTES = 64 * 1024;
const PAGE_BYTES = 64 * 1024;

/**
 * The part of WebAssembly's JavaScript interface that is used here; Node's types leave it to the
 * browser's.
 */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

type Update = (crc: bigint, start: number, end: number) => bigint;
interface Engine {
  readonly input: Uint8Array;
  readonly update: Update;
}
let engine: Engine | undefined;

/** @param before the CRC of the bytes that came before these. */
export function crc64nvme(bytes: Uint8Array, before = 0n): bigint {
  engine ??= startEngine();
  let crc = ~before;
  for (let at = 0; at < bytes.length; at += INPUT_BYTES) {
    const piece = bytes.subarray(at, at + INPUT_BYTES);
    engine.input.set(piece);
    crc = engine.update(crc, TABLES_BYTES, TABLES_BYTES + piece.length);
  }
  return BigInt.asUintN(64, ~crc);
}

function startEngine(): Engine {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(assembleModule()));
  const memory = (instance.exports.memory as { readonly buffer: ArrayBuffer }).buffer;
  new BigUint64Array(memory, 0, SLICES * 256).set(buildTables());
  const update = instance.exports.update as Update;
  return { input: new Uint8Array(memory, TABLES_BYTES, INPUT_BYTES), update };
}

function buildTables(): BigUint64Array {
  const tables = new BigUint64Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ CRC64_NVME_REFLECTED : crc >> 1n;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const crc = tables[at - 256] as bigint;
    tables[at] = (crc >> 8n) ^ (tables[Number(crc & 0xffn)] as bigint);
  }
  return tables;
}

// The assembler. Opcodes and sections: WebAssembly Core Specification, chapter 5, "Binary Format".
const I32 = 0x7f;
const I64 = 0x7e;
const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  end: [0x0b],
  branch: (depth: number) => [0x0c, depth],
  branchIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  i32: (value: number) => [0x41, ...signed(value)],
  i64: (value: number) => [0x42, ...signed(value)],
  /** Pops an address; eight (or one) bytes from it plus `offset`. The alignment is only a hint. */
  load64: (offset: number) => [0x29, 3, ...unsigned(offset)],
  load8: (offset: number) => [0x31, 0, ...unsigned(offset)],
  i32GreaterUnsigned: [0x4b],
  i32Equal: [0x46],
  i32Add: [0x6a],
  i64And: [0x83],
  i64Xor: [0x85],
  i64ShiftLeft: [0x86],
  i64ShiftRight: [0x88],
  i32Wrap: [0xa7],
};

const unsigned = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];

const signed = (value: number): number[] =>
  value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];

const vector = (items: readonly number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)];
const exported = (name: string, kind: number): number[] => [...sized([...Buffer.from(name)]), kind, 0];

function assembleModule(): Uint8Array<ArrayBuffer> {
  const pages = (TABLES_BYTES + INPUT_BYTES) / PAGE_BYTES;
  const type = [0x60, ...vector([[I64], [I32], [I32]]), ...vector([[I64]])];
  const locals = vector([[1, I64]]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([type])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, ...unsigned(Math.ceil(pages))]])),
    ...section(7, vector([exported('memory', 2), exported('update', 0)])),
    ...section(10, vector([sized([...locals, ...updateBody(), ...op.end])])),
  ]);
}

/** update(crc, at, end): sixteen bytes a turn, then what is left byte by byte. */
function updateBody(): number[] {
  const [crc, at, end, word] = [0, 1, 2, 3];
  const step = (bytes: number) => [...op.get(at), ...op.i32(bytes), ...op.i32Add, ...op.set(at)];
  return [
    ...op.block,
    ...op.loop,
    ...[...op.get(at), ...op.i32(SLICES), ...op.i32Add, ...op.get(end), ...op.i32GreaterUnsigned],
    ...op.branchIf(1),
    ...[...op.get(at), ...op.load64(0), ...op.get(crc), ...op.i64Xor, ...op.set(word)],
    ...lookUpBytes(word, SLICES - 1),
    ...[...op.get(at), ...op.load64(8), ...op.set(word)],
    ...lookUpBytes(word, SLICES - 9),
    ...op.i64Xor,
    ...op.set(crc),
    ...step(SLICES),
    ...op.branch(0),
    ...op.end,
    ...op.end,
    ...op.block,
    ...op.loop,
    ...[...op.get(at), ...op.get(end), ...op.i32Equal],
    ...op.branchIf(1),
    ...[...op.get(at), ...op.load8(0), ...op.get(crc), ...op.i64Xor, ...op.set(word)],
    ...lookUp(word, 0, 0),
    ...[...op.get(crc), ...op.i64(8), ...op.i64ShiftRight, ...op.i64Xor, ...op.set(crc)],
    ...step(1),
    ...op.branch(0),
    ...op.end,
    ...op.end,
    ...op.get(crc),
  ];
}

/**
 * Leaves on the stack the XOR of eight look-ups: the lowest byte of the word in table `top`, the next in
 * `top - 1`, …
 * As a tree, since in a row each XOR would wait for the one before.
 */
function lookUpBytes(word: number, top: number, first = 0, count = 8): number[] {
  if (count === 1) return lookUp(word, first, top - first);
  const half = count / 2;
  return [
    ...lookUpBytes(word, top, first, half),
    ...lookUpBytes(word, top, first + half, half),
    ...op.i64Xor,
  ];
}

/**
 * Entries have eight bytes: the byte's place in the table is (word >> 8 * byte & 0xff) << 3, in one shift
 * and one mask.
 */
function lookUp(word: number, byte: number, table: number): number[] {
  const shift =
    byte === 0 ? [...op.i64(3), ...op.i64ShiftLeft] : [...op.i64(8 * byte - 3), ...op.i64ShiftRight];
  const mask = [...op.i64(0xff << 3), ...op.i64And, ...op.i32Wrap];
  return [...op.get(word), ...shift, ...mask, ...op.load64(table * TABLE_BYTES)];
}
