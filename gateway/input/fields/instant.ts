/**
 * RFC 3339 instants, in and out.
 *
 * In: the offset is mandatory, because an instant without one means something else on every machine. What is finer than a
 * millisecond is rounded up, so that nothing is ever early. Dates that do not exist (30 February, hour 24) are refused
 * instead of rolled over, which is what `Date` does; so is the leap second 60, for which Unix time has no number.
 *
 * Years 1970 to 9999: earlier ones have no place in the log's numbers, and whoever sends year 1 has sent a zero value. What lies behind
 * year 9999 by its offset or by rounding (`9999-12-31T23:59:59.9999999Z` is what some programs write for "never") has no text: it is the last
 * millisecond that has one.
 */
import { putBytes } from '../../../engine/index.js';

const shape = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whole milliseconds since the epoch, or the reason why `text` is no instant, to follow the word "must". */
export function parseInstant(text: string): number | string {
  const parts = shape.exec(text);
  if (parts === null) return 'be an RFC 3339 instant with an offset, such as 2026-11-20T10:00:00Z';
  const year = Number(parts[1]);
  const month = Number(parts[2]);
  const day = Number(parts[3]);
  const hour = Number(parts[4]);
  const minute = Number(parts[5]);
  const second = Number(parts[6]);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return 'be a date that exists';
  if (second === 60) return 'not be a leap second';
  if (hour > 23 || minute > 59 || second > 59) return 'be a time of day that exists';
  const offsetHours = Number(parts[9] ?? 0);
  const offsetMinutes = Number(parts[10] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return 'have an offset between -23:59 and +23:59';
  if (year < 1970) return 'not be before 1970';
  const offsetMs = (parts[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second) + millisecondsUp(parts[7] ?? '') - offsetMs;
  return ms < 0 ? 'not be before 1970' : Math.min(ms, latestMs);
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && leap ? 29 : daysOfMonth[month - 1]!;
}

/** By digits: 0.0010000000000000001 s is two milliseconds, which floating point would not see. */
function millisecondsUp(fraction: string): number {
  const whole = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return /[1-9]/.test(fraction.slice(3)) ? whole + 1 : whole;
}

const dayMs = 86_400_000;
/** `2026-11-20T` by day number. An answer names the same few days four times, and `toISOString` was an eighth of all work. */
const dayTexts = new Map<number, string>();
const dayTextsMax = 64;
const digits = Array.from({ length: 1_000 }, (_, number) => String(number));
const twoDigits = digits.slice(0, 60).map((text) => text.padStart(2, '0'));
const threeDigits = digits.map((text) => text.padStart(3, '0'));

/** UTC with milliseconds; a fraction is cut. */
export function formatInstant(ms: number): string {
  const whole = Math.floor(ms);
  const day = Math.floor(whole / dayMs);
  const inDay = whole - day * dayMs;
  const hour = twoDigits[Math.floor(inDay / 3_600_000)];
  const minute = twoDigits[Math.floor(inDay / 60_000) % 60];
  const second = twoDigits[Math.floor(inDay / 1_000) % 60];
  return `${dayText(day)}${hour}:${minute}:${second}.${threeDigits[inDay % 1_000]}Z`;
}

function dayText(day: number): string {
  const known = dayTexts.get(day);
  if (known !== undefined) return known;
  if (dayTexts.size === dayTextsMax) dayTexts.clear();
  const text = new Date(day * dayMs).toISOString().slice(0, 11);
  dayTexts.set(day, text);
  return text;
}

/** The same as bytes, in `out` from `at` on. Returns the place behind. */
export function putInstant(ms: number, out: Uint8Array, at: number): number {
  const whole = Math.floor(ms);
  const day = Math.floor(whole / dayMs);
  if (day !== writtenDay) {
    writtenDay = day;
    writtenDayText = dayText(day);
  }
  for (let char = 0; char < writtenDayText.length; char++) out[at + char] = writtenDayText.charCodeAt(char);
  const inDay = whole - day * dayMs;
  const clockAt = at + writtenDayText.length;
  putDigits(Math.floor(inDay / 3_600_000), out, clockAt);
  out[clockAt + 2] = 0x3a;
  putDigits(Math.floor(inDay / 60_000) % 60, out, clockAt + 3);
  out[clockAt + 5] = 0x3a;
  putDigits(Math.floor(inDay / 1_000) % 60, out, clockAt + 6);
  out[clockAt + 8] = 0x2e;
  const inSecond = inDay % 1_000;
  out[clockAt + 9] = 0x30 + Math.floor(inSecond / 100);
  putDigits(inSecond % 100, out, clockAt + 10);
  out[clockAt + 12] = 0x5a;
  return clockAt + 13;
}

let writtenDay = Number.NaN;
let writtenDayText = '';

/** Of an instant that is written out, up to the year 9999. */
const instantBytes = 24;

/** Writes instants of which many in a row are the same: those of events that came within a millisecond. */
export class RepeatedInstant {
  #ms = Number.NaN;
  readonly #bytes = Buffer.alloc(instantBytes);

  put(ms: number, out: Uint8Array, at: number): number {
    const bytes = this.#bytes;
    if (ms !== this.#ms) {
      putInstant(ms, bytes, 0);
      this.#ms = ms;
    }
    return putBytes(bytes, out, at);
  }
}

/** Two. */
function putDigits(value: number, out: Uint8Array, at: number): void {
  out[at] = 0x30 + Math.floor(value / 10);
  out[at + 1] = 0x30 + (value % 10);
}
