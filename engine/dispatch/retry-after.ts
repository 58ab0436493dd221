/**
 * What `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or an HTTP date. Nobody should send the two obsolete forms of a date any more, and
 * everybody who reads dates has to understand them (RFC 9110, 5.6.7). Arithmetic.
 */
import type { WallMs } from '../kernel/brand.js';
import { retryAfterMsMax } from '../kernel/limits.js';

const seconds = /^\d{1,15}$/;
/** `Sun, 06 Nov 1994 08:49:37 GMT`; `Sunday, 06-Nov-94 08:49:37 GMT`; `Sun Nov  6 08:49:37 1994`. */
const httpDates = [
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/,
];

/** Milliseconds from `now`, 0 for a moment that has passed, at most a day; null for what is neither form. */
export function retryAfterMs(value: string, now: WallMs): number | null {
  const text = value.trim();
  if (seconds.test(text)) return Math.min(Number(text) * 1_000, retryAfterMsMax);
  const at = readHttpDate(text, now);
  if (Number.isNaN(at)) return null;
  return Math.min(Math.max(Math.ceil(at - now), 0), retryAfterMsMax);
}

/** NaN for what is no date. */
function readHttpDate(text: string, now: WallMs): number {
  for (const form of httpDates) {
    const parts = form.exec(text)?.groups;
    if (parts === undefined) continue;
    const { day, month, year, time } = parts as Readonly<Record<'day' | 'month' | 'year' | 'time', string>>;
    return Date.parse(`${day} ${month} ${year.length === 2 ? wholeYear(Number(year), now) : year} ${time} GMT`);
  }
  return Number.NaN;
}

/** The latest year with these last two digits that is at most 50 years ahead. */
function wholeYear(lastDigits: number, now: WallMs): number {
  const latest = new Date(now).getUTCFullYear() + 50;
  return latest - ((latest - lastDigits) % 100);
}
