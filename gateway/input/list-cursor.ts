/**
 * Cursors of lists: a place, and which list it is a place of, as text that nobody should look into.
 *
 *     u8 version | u32 checksum of filter, sort and order | f64 instant | 16 bytes id     (the last two not at the beginning)
 *
 * A place stays one while events come and go, so a cursor never grows old. With another filter it would be a place in
 * another list, which nobody means; so it is refused there.
 */
import { crc32 } from 'node:zlib';
import type { EventFilter, ListOrder, ListPlace, ListSort } from '../../engine/index.js';

const version = 1;
const placeAt = 5;
const bytesWithPlace = placeAt + 8 + 16;

export interface ListKind {
  readonly filter: EventFilter;
  readonly sort: ListSort;
  readonly order: ListOrder;
}

/** `place` null: the beginning. */
export function writeCursor(kind: ListKind, place: ListPlace | null): string {
  const bytes = Buffer.alloc(place === null ? placeAt : bytesWithPlace);
  bytes[0] = version;
  bytes.writeUInt32BE(checksumOf(kind), 1);
  if (place !== null) {
    bytes.writeDoubleBE(place.ms, placeAt);
    bytes.set(place.id, placeAt + 8);
  }
  return bytes.toString('base64url');
}

/** Or why it is none of this list. */
export function readCursor(text: string, kind: ListKind): { readonly place: ListPlace | null } | string {
  const bytes = Buffer.from(text, 'base64url');
  const hasForm = bytes.toString('base64url') === text && bytes[0] === version;
  if (!hasForm || (bytes.length !== placeAt && bytes.length !== bytesWithPlace)) return 'is not a cursor that was given out here';
  if (bytes.readUInt32BE(1) !== checksumOf(kind)) return 'belongs to a list with another filter, sort or order';
  if (bytes.length === placeAt) return { place: null };
  return { place: { ms: bytes.readDoubleBE(placeAt), id: new Uint8Array(bytes.subarray(placeAt + 8)) } };
}

function checksumOf({ filter, sort, order }: ListKind): number {
  return crc32(`[${JSON.stringify(filter, inOneOrder)},${JSON.stringify(sort)},${JSON.stringify(order)}]`);
}

/** Any of the values is meant and each of the tags: whoever names them in another order asks for the same list. */
function inOneOrder(_name: string, value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted(byText) : value;
}

function byText(a: unknown, b: unknown): number {
  const [one, other] = [JSON.stringify(a), JSON.stringify(b)];
  return one < other ? -1 : Number(one > other);
}
