/**
 * Event ids: UUIDv7 (RFC 9562) whose 12 bits `rand_a` hold the slot, so that an id finds its partition without a look-up.
 *
 *     48 bits  milliseconds since the epoch when it was minted
 *      4 bits  version, 7
 *     12 bits  slot, 0-4,095
 *      2 bits  variant, 10
 *     62 bits  random
 *
 * Inside the engine an id is 16 bytes; as text it exists only at the doors.
 */
import { randomFillSync } from 'node:crypto';
import type { PartitionId, Slot, WallMs } from './brand.js';

export type EventId = Uint8Array;
export const eventIdBytes = 16;

/** Random bytes are fetched in blocks: a call for each id costs a microsecond, a block almost nothing. */
/** Of the slot and of the tail. */
const randomBytesOfId = 10;
const pool = Buffer.allocUnsafe(1_000 * randomBytesOfId);
let poolAt = pool.length;

/** Mint an id. The randomness comes from the system's generator. */
export function mintEventId(slot: Slot, now: WallMs): EventId {
  const id = new Uint8Array(eventIdBytes);
  mintEventIdIn(id, 0, { slot, now });
  return id;
}

/** The same into `bytes` from `start` on. `slot` null: any. */
export function mintEventIdIn(
  bytes: Uint8Array,
  start: number,
  { slot, now }: { readonly slot: Slot | null; readonly now: WallMs },
): void {
  if (poolAt + randomBytesOfId > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const ms = Math.floor(now);
  const high = Math.floor(ms / 65_536);
  const ownSlot = slot ?? ((pool[poolAt]! << 8) | pool[poolAt + 1]!) & 0xfff;
  bytes[start] = high >>> 24;
  bytes[start + 1] = high >>> 16;
  bytes[start + 2] = high >>> 8;
  bytes[start + 3] = high;
  bytes[start + 4] = ms >>> 8;
  bytes[start + 5] = ms;
  bytes[start + 6] = 0x70 | (ownSlot >>> 8);
  bytes[start + 7] = ownSlot;
  for (let at = 8; at < eventIdBytes; at++) bytes[start + at] = pool[poolAt + at - 6]!;
  bytes[start + 8] = 0x80 | (bytes[start + 8]! & 0x3f);
  poolAt += randomBytesOfId;
}

export function slotOf(id: EventId): Slot {
  return slotOfIdIn(id, 0);
}

/** Of an id that begins at `start` in `bytes`. */
export function slotOfIdIn(bytes: Uint8Array, start: number): Slot {
  return (((bytes[start + 6]! & 0x0f) << 8) | bytes[start + 7]!) as Slot;
}

export function partitionOf(slot: Slot, partitions: number): PartitionId {
  return (slot % partitions) as PartitionId;
}

const digits = Buffer.from('0123456789abcdef');
const hyphen = 0x2d;
/** An id as it is written out. */
const written = Buffer.alloc(36);

/** The canonical text: lower case, with hyphens. */
export function formatEventId(id: EventId): string {
  return formatEventIdIn(id, 0);
}

/** Of an id that begins at `start` in `bytes`. */
export function formatEventIdIn(bytes: Uint8Array, start: number): string {
  putEventId(bytes, start, written, 0);
  return written.toString('latin1');
}

/** The same as ASCII in `out` from `outAt` on. Returns the place behind. */
export function putEventId(bytes: Uint8Array, start: number, out: Uint8Array, outAt: number): number {
  let at = outAt;
  for (let byte = 0; byte < eventIdBytes; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) out[at++] = hyphen;
    const value = bytes[start + byte]!;
    out[at++] = digits[value >>> 4]!;
    out[at++] = digits[value & 0x0f]!;
  }
  return at;
}

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Null for a text that cannot be one of our ids; such an event is simply not found. */
export function parseEventId(text: string): EventId | null {
  if (!shape.test(text)) return null;
  return new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'));
}
