/**
 * The `Idempotency-Key` header: bare (`order-17`) or as the structured string of the IETF draft (`"order-17"`, where `\"`
 * and `\\` are escapes). Both spell the same key.
 */
import { type Refusal, refuseFields } from '../refusal.js';

const printable = /^[\x20-\x7e]{1,255}$/;
const quoted = /^"((?:[^"\\]|\\["\\])*)"$/;

/** Null when none was given; an empty header is a mistake and not "none". */
export function readIdempotencyKey(header: string | null): string | Refusal | null {
  if (header === null) return null;
  const text = header.trim();
  const inner = quoted.exec(text);
  const key = inner === null ? text : inner[1]!.replaceAll(/\\(.)/g, '$1');
  if (printable.test(key)) return key;
  return refuseFields([{ pointer: '', detail: 'the Idempotency-Key header must be 1 to 255 printable ASCII characters' }]);
}
