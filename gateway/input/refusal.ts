/**
 * Why a request, or one event of a batch, is not accepted. A value and not an Error: bad input is no exception here, and a
 * batch of 10,000 bad events should not pay for 10,000 stack traces. Whoever answers makes a problem document of it.
 */
import type { ErrorCode, FieldError } from '../../engine/index.js';

/** The engine's codes and those that only a front door has. */
export type RefusalCode =
  | Exclude<ErrorCode, 'not-owner'>
  | 'malformed-json'
  | 'malformed-request'
  | 'unauthenticated'
  | 'forbidden'
  | 'method-not-allowed'
  | 'misdirected'
  | 'unsupported-media-type'
  | 'rate-limited';

export interface Refusal {
  readonly refused: true;
  readonly code: RefusalCode;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** Members that the contract adds, such as `event_id`. */
  readonly members: Readonly<Record<string, string>>;
}

const noMembers = {};

export function refuse(code: RefusalCode, detail: string, errors: readonly FieldError[] = []): Refusal {
  return { refused: true, code, detail, errors, members: noMembers };
}

/** Fields that are wrong: 422. The first error is also the detail, so that a log line without the list still says it. */
export function refuseFields(errors: readonly FieldError[]): Refusal {
  const first = errors[0]!;
  const where = first.pointer === '' ? '' : `${first.pointer.slice(1)} `;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return refuse('invalid', `${where}${first.detail}${more}`, errors);
}

/** As they are told: whoever reads `errors` of invalid input finds some. Where no field is to blame, the whole is. */
export function errorsOf({ code, detail, errors }: Refusal): readonly FieldError[] {
  return code === 'invalid' && errors.length === 0 ? [{ pointer: '', detail }] : errors;
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value;
}
