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
const pool = Buffer.allocUnsafe(8 * 1024);
let poolAt = pool.length;

/** Mint an id. The randomness comes from the system's generator. */
export function mintEventId(slot: Slot, now: WallMs): EventId {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const id = new Uint8Array(eventIdBytes);
  const ms = Math.floor(now);
  const high = Math.floor(ms / 65_536);
  id[0] = high >>> 24;
  id[1] = high >>> 16;
  id[2] = high >>> 8;
  id[3] = high;
  id[4] = ms >>> 8;
  id[5] = ms;
  id[6] = 0x70 | (slot >>> 8);
  id[7] = slot;
  for (let at = 8; at < eventIdBytes; at++) id[at] = pool[poolAt++]!;
  id[8] = 0x80 | (id[8]! & 0x3f);
  return id;
}

export function slotOf(id: EventId): Slot {
  return (((id[6]! & 0x0f) << 8) | id[7]!) as Slot;
}

export function partitionOf(slot: Slot, partitions: number): PartitionId {
  return (slot % partitions) as PartitionId;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The canonical text: lower case, with hyphens. */
export function formatEventId(id: EventId): string {
  // biome-ignore format: the five groups of the text
  return (
    hex[id[0]!]! + hex[id[1]!]! + hex[id[2]!]! + hex[id[3]!]! + '-' + hex[id[4]!]! + hex[id[5]!]! + '-' +
    hex[id[6]!]! + hex[id[7]!]! + '-' + hex[id[8]!]! + hex[id[9]!]! + '-' +
    hex[id[10]!]! + hex[id[11]!]! + hex[id[12]!]! + hex[id[13]!]! + hex[id[14]!]! + hex[id[15]!]!
  );
}

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Null for a text that cannot be one of our ids; such an event is simply not found. */
export function parseEventId(text: string): EventId | null {
  if (!shape.test(text)) return null;
  return new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'));
}
