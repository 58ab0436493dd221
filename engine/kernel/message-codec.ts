/**
 * Batches of messages between threads, as bytes that are transferred.
 *
 * `postMessage` of objects clones each one on both sides (2-4 us); msgpackr writes the shape of equal objects once per
 * batch, and moving the bytes costs nothing. The door to msgpackr for messages; records have their own.
 */
import { require } from './commonjs.js';

const { Packr, RESET_BUFFER_MODE } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: true, moreTypes: false });
const startBytes = 8 * 1024;
/** Memory of the codec that has grown beyond this for one batch is given back. */
const keptBytesMax = 1024 * 1024;

/**
 * The result owns its buffer, so that it may be put in a transfer list. It is a copy, and the codec's own memory is used again for the next one:
 * left to itself it takes new memory for each few large batches, and what comes and goes outside of the heap has the collector mark all of it.
 */
export function encodeMessages(messages: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(layOutMessages(messages));
}

/** The same in the codec's own memory, good until the next batch: for whoever copies it anyway. */
export function layOutMessages(messages: readonly unknown[]): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(messages, RESET_BUFFER_MODE);
  if (packed.buffer.byteLength > keptBytesMax) packr.useBuffer(Buffer.allocUnsafeSlow(startBytes));
  return packed as Buffer<ArrayBuffer>;
}

/** Byte fields of the result are views into `bytes`. The caller knows the type because it owns the port. */
export function decodeMessages<Message>(bytes: Uint8Array): Message[] {
  return packr.unpack(bytes) as Message[];
}
