/** The first look at a body: is it UTF-8 (RFC 8259 allows nothing else), and is it plain ASCII, as most are? */
import { isAscii, isUtf8 } from 'node:buffer';
import { type Refusal, refuse } from '../refusal.js';

export function encodingOf(body: Buffer): 'latin1' | 'utf8' | Refusal {
  if (isAscii(body)) return 'latin1';
  return isUtf8(body) ? 'utf8' : refuse('malformed-request', 'the body is not valid UTF-8');
}
