/**
 * `delay` as a text: ISO 8601 (`PT1H30M`, `P1DT12H`, `P2W`) or short (`1h30m`, `1d`, `250ms`).
 *
 * Years and months are refused: how long they are depends on when they begin, and a delay has no calendar. The smallest
 * unit given may carry a fraction (`1.5h`, `PT0.25S`, in ISO 8601 with a comma too); what is finer than a millisecond is rounded up. A number without a
 * unit is refused, because half of all readers would take it for seconds and half for milliseconds: that is `delay_ms`.
 */

const unitMs = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const amount = '(\\d{1,15}(?:\\.\\d{1,9})?)';
const short = new RegExp(`^(?:${amount}w)?(?:${amount}d)?(?:${amount}h)?(?:${amount}m(?!s))?(?:${amount}s)?(?:${amount}ms)?$`);
const iso = new RegExp(`^P(?:${amount}W)?(?:${amount}D)?(?:T(?=\\d)(?:${amount}H)?(?:${amount}M)?(?:${amount}S)?)?$`);
const units = [unitMs.w, unitMs.d, unitMs.h, unitMs.m, unitMs.s, unitMs.ms];

/** Whole milliseconds, not negative, or the reason why `text` is no delay, to follow the word "must". */
export function parseDelay(text: string): number | string {
  if (/^P[^T]*\d(?:\.\d+)?[YM]/.test(text)) return 'not use years or months, whose length varies: use days or weeks';
  if (/^\d+(?:\.\d+)?$/.test(text)) return 'carry a unit, such as 90s; for a number of milliseconds use delay_ms';
  const parts = text.startsWith('P') ? iso.exec(text.replaceAll(',', '.')) : short.exec(text);
  const amounts = parts === null ? [] : parts.slice(1);
  const last = amounts.findLastIndex((part) => part !== undefined);
  if (last < 0) return 'be a duration such as PT1H30M or 1h30m';
  let ms = 0;
  for (let at = 0; at <= last; at++) {
    const part = amounts[at];
    if (part === undefined) continue;
    if (at < last && part.includes('.')) return 'have a fraction in its smallest unit only';
    ms += Number(part) * units[at]!;
  }
  // A product such as 1.1 * 1,000 is off by a few units in the last place; without the slack it would round up to 1,101.
  return Math.ceil(ms - Math.min(1e-6, ms * 1e-12));
}
