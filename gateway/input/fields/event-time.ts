/** When: as an instant, or as a delay from the moment at which the request was read. What is wrong is added to `errors`. */
import { aheadMsMax, type FieldError } from '../../../engine/index.js';
import { parseDelay } from './delay.js';
import { parseInstant } from './instant.js';

interface TimeFields {
  readonly scheduled_at?: string;
  readonly delay?: string;
  readonly delay_ms?: number;
}

export interface TimeAsked {
  readonly given: boolean;
  readonly scheduledAtMs: number;
  readonly delayMs: number | null;
}

export function readTime(fields: TimeFields, nowMs: number, errors: FieldError[]): TimeAsked {
  const { scheduled_at: instant, delay, delay_ms: delayMs } = fields;
  if (instant === undefined && delay === undefined && delayMs === undefined)
    return { given: false, scheduledAtMs: nowMs, delayMs: null };
  if (delay !== undefined && instant !== undefined)
    errors.push({ pointer: '/delay', detail: 'cannot be combined with scheduled_at' });
  if (delayMs !== undefined && (instant ?? delay) !== undefined) {
    errors.push({ pointer: '/delay_ms', detail: `cannot be combined with ${instant === undefined ? 'delay' : 'scheduled_at'}` });
  }
  if (instant !== undefined) {
    const scheduledAtMs = readInstant('/scheduled_at', instant, errors);
    refuseTooFar({ pointer: '/scheduled_at', aheadMs: scheduledAtMs - nowMs }, errors);
    return { given: true, scheduledAtMs, delayMs: null };
  }
  const waitMs = delayMs ?? parseDelay(delay!);
  if (typeof waitMs === 'string') {
    errors.push({ pointer: '/delay', detail: `must ${waitMs}` });
    return { given: true, scheduledAtMs: nowMs, delayMs: null };
  }
  refuseTooFar({ pointer: '/delay', aheadMs: waitMs }, errors);
  return { given: true, scheduledAtMs: nowMs + waitMs, delayMs: waitMs };
}

function refuseTooFar({ pointer, aheadMs }: { pointer: string; aheadMs: number }, errors: FieldError[]): void {
  if (aheadMs > aheadMsMax) errors.push({ pointer, detail: 'must be at most 10 years ahead' });
}

function readInstant(pointer: string, text: string, errors: FieldError[]): number {
  const instant = parseInstant(text);
  if (typeof instant === 'number') return instant;
  errors.push({ pointer, detail: `must ${instant}` });
  return 1;
}

/** Null: none was given. */
export function readExpiry(text: string | undefined, errors: FieldError[]): number | null {
  const expiresAtMs = text === undefined ? null : readInstant('/expires_at', text, errors);
  if (expiresAtMs === 0) errors.push({ pointer: '/expires_at', detail: 'must be after 1970-01-01T00:00:00Z' });
  return expiresAtMs;
}
