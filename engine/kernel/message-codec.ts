/**
 * Batches of messages between threads, as bytes that are transferred.
 *
 * `postMessage` of objects clones each one on both sides (2-4 us); msgpackr writes the shape of equal objects once per
 * batch, and moving the bytes costs nothing. The door to msgpackr for messages; records have their own.
 */
import { require } from './commonjs.js';

const { Packr } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: true, moreTypes: false });

/** The result owns its buffer, so that it may be put in a transfer list. */
export function encodeMessages(messages: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(packr.pack(messages));
}

/** Byte fields of the result are views into `bytes`. The caller knows the type because it owns the port. */
export function decodeMessages<Message>(bytes: Uint8Array): Message[] {
  return packr.unpack(bytes) as Message[];
}
