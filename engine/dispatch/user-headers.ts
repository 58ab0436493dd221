/**
 * Headers that a producer may add to its webhooks (faults F31): what intake refuses, and what is never sent whatever was
 * stored. The server library of the gateway lets CR and LF through, so nothing here trusts a parser before us.
 */

/** RFC 9110, 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible Latin-1, blanks and tabs inside only: what HTTP/1.1 can carry and no receiver can misread as a line end. */
const value = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** Belong to the connection, not to the message, or are ours. */
const hopByHop =
  'connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade expect';
const reserved = new Set([...hopByHop.split(' '), 'host', 'content-length', 'idempotency-key']);
const reservedPrefixes = ['webhook-', 'escapement-'];

export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return reserved.has(lower) || reservedPrefixes.some((prefix) => lower.startsWith(prefix));
}

/** Why this header cannot be sent, as a short clause; null when it can. */
export function headerFault(header: { readonly name: string; readonly value: string }): string | null {
  if (!token.test(header.name)) return 'is not a valid header name';
  if (isReservedHeader(header.name)) return 'is reserved';
  if (!value.test(header.value)) return 'has a value that HTTP cannot carry';
  return null;
}
