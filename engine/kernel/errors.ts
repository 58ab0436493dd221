/**
 * The two families of errors.
 *
 * `EngineError` is part of the outside contract: something a caller or an operator did, or can do something about.
 * `InvariantError` is a bug of ours or a damaged disk: it stops the partition that noticed it, never the process.
 */

interface ErrorKind {
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** What an operator or caller can do. */
  readonly hint: string;
}

/** Every code that leaves the engine. The gateway maps each to an HTTP status. */
export const errorKinds = {
  invalid: { retryable: false, hint: 'correct the fields named in `errors`' },
  'destination-not-allowed': { retryable: false, hint: 'see ESCAPEMENT_EGRESS and ESCAPEMENT_EGRESS_ALLOW' },
  'too-large': { retryable: false, hint: 'send less at once' },
  'not-found': { retryable: false, hint: 'check the id; finished events are kept for the retention time' },
  'external-job-id-conflict': { retryable: false, hint: 'the same external_job_id was used with other content' },
  'idempotency-key-reused': { retryable: false, hint: 'use a new Idempotency-Key for other content' },
  'already-finished': { retryable: false, hint: 'the event has reached a final state' },
  'not-finished': { retryable: true, hint: 'only a finished event is retried; change or fire a pending one instead' },
  'version-mismatch': { retryable: false, hint: 'read the event again and decide on what it is now' },
  'in-flight': { retryable: true, hint: 'an attempt is running; ask again when it has ended' },
  overloaded: { retryable: true, hint: 'slow down and repeat after `Retry-After`' },
  'partition-unavailable': { retryable: true, hint: 'see /health for the partition and its reason' },
  stopping: { retryable: true, hint: 'the engine is shutting down; repeat on its successor' },
  /** Between nodes only: nothing was written, and the owner of now is to be asked. */
  'not-owner': { retryable: true, hint: 'the partition has another owner; ask again' },
  'disk-full': { retryable: true, hint: 'free disk space; accepting goes on by itself' },
  'outcome-unknown': { retryable: false, hint: 'GET the event id before repeating the request' },
  'record-damaged': { retryable: false, hint: 'a stored record fails its checksum; run verify' },
  internal: { retryable: false, hint: 'this is a defect; please report it with the request id' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** One field that is wrong. `pointer` is an RFC 6901 JSON pointer into the request body. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  /** Members that the contract adds to this error, such as `event_id`. */
  readonly members: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[];

  constructor(
    code: ErrorCode,
    detail: string,
    more: { members?: Readonly<Record<string, string>>; errors?: readonly FieldError[] } = {},
  ) {
    super(detail);
    this.code = code;
    this.members = more.members ?? {};
    this.errors = more.errors ?? [];
  }

  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }

  get hint(): string {
    return errorKinds[this.code].hint;
  }
}

/** Something that cannot happen did. The message carries the operands: expected, found, partition, sequence. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** What is stored is as it was written, by a version that writes what this one does not read. */
export class UnknownFormatError extends InvariantError {}

/** Assertion that stays on in production. `detail` is built only on failure. */
export function invariant(condition: boolean, detail: () => string): asserts condition {
  if (!condition) throw new InvariantError(detail());
}

/** A start that cannot go on: one line that a stranger can act on, exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
