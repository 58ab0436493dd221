/** FNV-1a over UTF-8 bytes, 32 bit (Fowler, Noll, Vo). Fixed by the contract for slots: never change it. */
export function fnv1a32(bytes: Uint8Array, seed = 0x811c9dc5): number {
  return fnv1a32Of(bytes, 0, bytes.length, seed);
}

/** The same over the bytes from `from` up to `to`. */
export function fnv1a32Of(bytes: Uint8Array, from: number, to: number, seed = 0x811c9dc5): number {
  let hash = seed | 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}
