/**
 * Under which name connections of one peer are counted. An IPv6 address stands for its /64, which is what one customer
 * gets; an IPv4 address is the same when it comes written as an IPv6 one.
 */

/** Hexadecimal: all of an IPv4 address (also one written as IPv6), the first half of an IPv6 address. */
export function peerKey(address: Uint8Array): string {
  const bytes = Buffer.from(address);
  const isMapped =
    bytes.length === 16 && bytes.readUInt32BE(0) === 0 && bytes.readUInt32BE(4) === 0 && bytes.readUInt32BE(8) === 0xffff;
  if (isMapped) return bytes.toString('hex', 12);
  return bytes.toString('hex', 0, Math.min(bytes.length, 8));
}
