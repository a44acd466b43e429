// Owns the reading of a Node socket straight into memory of the caller's choice. Budget per read: no copy,
// no allocation, no stream, no event. An ordinary socket allocates 64 KiB for every read.

import { Socket, type SocketConstructorOpts } from 'node:net';

export interface ReadInto {
  /** Where the next bytes shall land: one byte long at least. Asked once before, and once after each read. */
  room(): Uint8Array;
  /**
   * So many bytes (one at least) have landed at the start of the last room.
   * @returns false to receive nothing more until the socket is resumed
   */
  landed(lengthBytes: number, room: Uint8Array): boolean;
}

/** Node offers `onread` to the sockets that connect; those that were accepted get it by their handle. */
interface Handled {
  _handle: object | null;
}

/**
 * A socket in the place of `taken`, from which nothing may have been read, and which must not be used any
 * more; a server still counts it as open until the other is closed. To be resumed. Undefined where it is
 * closed already.
 */
export function readInto(taken: Socket, reader: ReadInto): Socket | undefined {
  const { _handle: handle } = taken as unknown as Handled;
  if (handle === null || handle === undefined || taken.destroyed) return undefined;
  (taken as unknown as Handled)._handle = null;
  const onread = {
    buffer: () => reader.room(),
    callback: (lengthBytes: number, room: Uint8Array) => reader.landed(lengthBytes, room),
  };
  const { allowHalfOpen } = taken;
  const options = { handle, onread, allowHalfOpen, readable: true, writable: true };
  const socket = new Socket(options as SocketConstructorOpts);
  socket.once('close', () => taken.destroy());
  return socket;
}
