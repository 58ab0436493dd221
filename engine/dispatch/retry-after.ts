/** What `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or an HTTP date. Arithmetic. */
import type { WallMs } from '../kernel/brand.js';
import { retryAfterMsMax } from '../kernel/limits.js';

const seconds = /^\d{1,15}$/;
/** `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete forms are not worth a parser. */
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Milliseconds from `now`, 0 for a moment that has passed, at most a day; null for what is neither form. */
export function retryAfterMs(value: string, now: WallMs): number | null {
  const text = value.trim();
  if (seconds.test(text)) return Math.min(Number(text) * 1_000, retryAfterMsMax);
  if (!httpDate.test(text)) return null;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return null;
  return Math.min(Math.max(Math.ceil(at - now), 0), retryAfterMsMax);
}
