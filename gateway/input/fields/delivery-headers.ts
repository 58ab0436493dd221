/**
 * Headers that a producer adds to a webhook. They end up in a request of ours, so a careless one could end that request
 * early, redirect it or forge our signature: names are tokens (RFC 9110), values printable ASCII and tabs, and what we or
 * the connection set ourselves is refused.
 */
import type { FieldError } from '../../../engine/index.js';
import { deliveryHeaderBytesMax, deliveryHeadersMax } from '../../limits.js';
import { pointerTo } from '../pointer.js';

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const safeValue = /^[\t\x20-\x7e]*$/;

/** Of the connection, not of the message (RFC 9110, 7.6.1), or computed from the message. */
const ownedByTheConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function isOurs(name: string): boolean {
  return name === 'idempotency-key' || name.startsWith('webhook-') || name.startsWith('escapement-');
}

/** Lower-case names in the order given. What is wrong is added to `errors`. */
export function readDeliveryHeaders(given: object, errors: FieldError[]): [string, string][] {
  const entries = Object.entries(given) as [string, unknown][];
  const headers: [string, string][] = [];
  const names = new Set<string>();
  let bytes = 0;
  for (const [givenName, value] of entries) {
    const name = givenName.toLowerCase();
    const detail = faultOf(name, value) ?? (names.has(name) ? 'is given twice' : null);
    if (detail !== null) {
      errors.push({ pointer: pointerTo('headers', givenName), detail });
      continue;
    }
    names.add(name);
    bytes += name.length + (value as string).length;
    headers.push([name, value as string]);
  }
  if (entries.length > deliveryHeadersMax)
    errors.push({ pointer: '/headers', detail: `must have at most ${deliveryHeadersMax} entries` });
  if (bytes > deliveryHeaderBytesMax) {
    errors.push({ pointer: '/headers', detail: `must be at most ${deliveryHeaderBytesMax} bytes, names and values together` });
  }
  return headers;
}

function faultOf(name: string, value: unknown): string | null {
  if (!token.test(name)) return 'is not a valid header name';
  if (ownedByTheConnection.has(name)) return 'belongs to the connection and cannot be set';
  if (isOurs(name)) return 'is set by Escapement and cannot be given';
  if (typeof value !== 'string') return 'must be a string';
  if (!safeValue.test(value)) return 'must be printable ASCII without line breaks';
  return null;
}
