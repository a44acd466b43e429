// Owns the bytes of a ring. Guarantee: equal rings are equal bytes, on every machine; damaged bytes are
// refused.

import { crc32 } from '@node-rs/crc32';
import { Fault } from '#core/kernel/errors.ts';
import type { Device } from './ring.ts';

/** No device holds this replica (there are fewer devices than replicas). */
export const NO_DEVICE = 0xffff;

/** What a ring is made of; the bytes hold exactly this. */
export interface RingTable {
  readonly version: number;
  readonly partitionPower: number;
  readonly replicas: number;
  /** In order of id. */
  readonly devices: readonly Device[];
  /** Device ids: `replicas` for partition 0, then for partition 1, …; NO_DEVICE where there is none. */
  readonly rows: Uint16Array;
  /**
   * For each partition when one of its replicas last moved, in seconds since 1970, rounded up; 0: never.
   */
  readonly movedAtSeconds: Uint32Array;
}

const MAGIC = 0x53524e47;
const FORMAT = 1;
const HEADER_BYTES = 16;
const DEVICE_BYTES = 10;
const CRC_BYTES = 4;

/**
 * Little-endian: magic u32, format u16, partition power u8, replicas u8, version u32, device count u32; per
 * device id u16, weight in thousandths u32, node and zone each as length u16 and UTF-8; rows u16 each;
 * times u32 each; CRC-32 (IEEE) of all that.
 */
export function encodeRingTable(table: RingTable): Uint8Array {
  const names = table.devices.map(({ node, zone }) => [Buffer.from(node), Buffer.from(zone)] as const);
  const namesBytes = names.reduce((sum, [node, zone]) => sum + node.length + zone.length, 0);
  const devicesBytes = table.devices.length * DEVICE_BYTES + namesBytes;
  const rowsBytes = table.rows.length * 2 + table.movedAtSeconds.length * 4;
  const out = Buffer.alloc(HEADER_BYTES + devicesBytes + rowsBytes + CRC_BYTES);
  out.writeUInt32LE(MAGIC, 0);
  out.writeUInt16LE(FORMAT, 4);
  out.writeUInt8(table.partitionPower, 6);
  out.writeUInt8(table.replicas, 7);
  out.writeUInt32LE(table.version, 8);
  out.writeUInt32LE(table.devices.length, 12);
  let at = HEADER_BYTES;
  table.devices.forEach((device, index) => {
    at = out.writeUInt16LE(device.id, at);
    at = out.writeUInt32LE(Math.round(device.weight * 1000), at);
    for (const name of names[index] ?? []) {
      at = out.writeUInt16LE(name.length, at);
      at += name.copy(out, at);
    }
  });
  for (const device of table.rows) at = out.writeUInt16LE(device, at);
  for (const seconds of table.movedAtSeconds) at = out.writeUInt32LE(seconds, at);
  out.writeUInt32LE(crc32(out.subarray(0, at)), at);
  return out;
}

/** @throws Fault `corruption` when the bytes are not a whole ring of a known format. */
export function decodeRingTable(bytes: Uint8Array): RingTable {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (from.length < HEADER_BYTES + CRC_BYTES || from.readUInt32LE(0) !== MAGIC) throw damaged('not a ring');
  const format = from.readUInt16LE(4);
  if (format !== FORMAT) throw damaged(`format ${format} is not known`);
  const end = from.length - CRC_BYTES;
  if (crc32(from.subarray(0, end)) !== from.readUInt32LE(end)) throw damaged('the checksum does not match');
  const partitionPower = from.readUInt8(6);
  const replicas = from.readUInt8(7);
  const version = from.readUInt32LE(8);
  const deviceCount = from.readUInt32LE(12);
  let at = HEADER_BYTES;
  const name = () => {
    const start = at + 2;
    at = start + from.readUInt16LE(at);
    return from.toString('utf8', start, at);
  };
  const devices: Device[] = [];
  for (let i = 0; i < deviceCount; i++) {
    const id = from.readUInt16LE(at);
    const weight = from.readUInt32LE(at + 2) / 1000;
    at += 6;
    devices.push({ id, node: name(), zone: name(), weight });
  }
  const partitions = 2 ** partitionPower;
  if (end - at !== partitions * (2 * replicas + 4)) throw damaged('the length does not match');
  const rows = new Uint16Array(partitions * replicas);
  for (let i = 0; i < rows.length; i++, at += 2) rows[i] = from.readUInt16LE(at);
  const movedAtSeconds = new Uint32Array(partitions);
  for (let i = 0; i < partitions; i++, at += 4) movedAtSeconds[i] = from.readUInt32LE(at);
  return { version, partitionPower, replicas, devices, rows, movedAtSeconds };
}

function damaged(why: string): Fault {
  return new Fault('corruption', `ring table: ${why}`);
}
