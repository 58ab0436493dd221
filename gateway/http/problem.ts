/**
 * Refusals as problem documents (RFC 9457). One table says what each code is over HTTP; the engine knows nothing of it.
 */
import { type EngineError, errorKinds } from '../../engine/index.js';
import { errorsOf, type Refusal, type RefusalCode, refuse } from '../input/refusal.js';
import type { Reply } from './reply.js';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Seconds after which a repeat makes sense. */
  readonly retryAfterS?: number;
}

const problemKinds = {
  'malformed-json': { status: 400, title: 'The body is not JSON that we accept' },
  'malformed-request': { status: 400, title: 'The request cannot be understood' },
  unauthenticated: { status: 401, title: 'An API key is needed' },
  forbidden: { status: 403, title: 'Whoever asks may not do this' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This path does not know this method' },
  'external-job-id-conflict': { status: 409, title: 'The external_job_id belongs to an event with other content' },
  'already-finished': { status: 409, title: 'The event has finished' },
  'not-finished': { status: 409, title: 'The event has not finished' },
  'in-flight': { status: 409, title: 'An attempt is running' },
  'version-mismatch': { status: 412, title: 'The event has another version' },
  'too-large': { status: 413, title: 'Too much at once' },
  'unsupported-media-type': { status: 415, title: 'The body is of a type that we do not accept' },
  misdirected: { status: 421, title: 'This node does not answer such calls' },
  invalid: { status: 422, title: 'Some of the input is not valid' },
  'destination-not-allowed': { status: 422, title: 'Events may not go there' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used with other content' },
  'rate-limited': { status: 429, title: 'The API key has used up its requests for now' },
  internal: { status: 500, title: 'A defect of Escapement' },
  'outcome-unknown': { status: 500, title: 'It is not known whether the request took effect' },
  'record-damaged': { status: 500, title: 'A stored record is damaged' },
  overloaded: { status: 503, title: 'Too much work is waiting', retryAfterS: 1 },
  'partition-unavailable': { status: 503, title: 'The partition of this event is not working', retryAfterS: 5 },
  stopping: { status: 503, title: 'Escapement is stopping', retryAfterS: 5 },
  'disk-full': { status: 507, title: 'The disk is full', retryAfterS: 30 },
} as const satisfies Record<RefusalCode, ProblemKind>;

/** What a caller can do about the codes that only the gateway has. */
const gatewayKinds = {
  'malformed-json': { retryable: false, hint: 'send one JSON value, each key once' },
  'malformed-request': { retryable: false, hint: 'check the framing headers and the encoding of the body' },
  unauthenticated: { retryable: false, hint: 'send `Authorization: Bearer <API key>`; an operator makes keys' },
  forbidden: { retryable: false, hint: 'use a key with the scope that `detail` names; from web pages of other sites, any key' },
  'method-not-allowed': { retryable: false, hint: 'see the `Allow` header' },
  misdirected: { retryable: false, hint: 'send it to a gateway of the cluster; this node is one of its engines' },
  'unsupported-media-type': { retryable: false, hint: 'send `Content-Type: application/json`' },
  'rate-limited': { retryable: true, hint: 'wait for `Retry-After`, and spread requests by what `RateLimit` announces' },
} as const;

export const refusalCodes = Object.keys(problemKinds) as readonly RefusalCode[];

export function isRetryable(code: RefusalCode): boolean {
  return kindOf(code).retryable;
}

function kindOf(code: RefusalCode): { readonly retryable: boolean; readonly hint: string } {
  return code in gatewayKinds ? gatewayKinds[code as keyof typeof gatewayKinds] : errorKinds[code as keyof typeof errorKinds];
}

/** `path`: of the request, as `instance`. */
export function problemReply(refusal: Refusal, path: string): Reply {
  const kind: ProblemKind = problemKinds[refusal.code];
  const errors = errorsOf(refusal);
  const document = {
    type: `/problems/${refusal.code}`,
    title: kind.title,
    status: kind.status,
    detail: refusal.detail,
    instance: path,
    code: refusal.code,
    retryable: isRetryable(refusal.code),
    ...refusal.members,
    ...(errors.length > 0 ? { errors } : {}),
  };
  return {
    status: kind.status,
    contentType: 'application/problem+json',
    headers: kind.retryAfterS === undefined ? [] : [['Retry-After', String(kind.retryAfterS)]],
    body: JSON.stringify(document),
    close: false,
  };
}

/** An error of the engine is a refusal already, but for its class. */
export function refusalOf(error: EngineError): Refusal {
  // Whoever asks an owner in vain asks the next one, and gives up with another code.
  const code = error.code === 'not-owner' ? 'internal' : error.code;
  return { refused: true, code, detail: error.message, errors: error.errors, members: error.members };
}

export function statusOf(code: RefusalCode): number {
  return problemKinds[code].status;
}

export function titleOf(code: RefusalCode): string {
  return problemKinds[code].title;
}

/** For the description of the API. */
export function problemExample(code: RefusalCode): Readonly<Record<string, unknown>> {
  return JSON.parse(String(problemReply(refuse(code, titleOf(code)), '/api/v1/events').body)) as Record<string, unknown>;
}

/** The text behind `type`; null when there is no such problem. */
export function problemText(code: string): string | null {
  if (!(refusalCodes as readonly string[]).includes(code)) return null;
  const known = code as RefusalCode;
  const kind: ProblemKind = problemKinds[known];
  const repeat = isRetryable(known) ? 'The same request may succeed later.' : 'Repeating the same request will not help.';
  return `${known} (HTTP ${kind.status})\n\n${kind.title}.\nWhat to do: ${kindOf(known).hint}.\n${repeat}\n`;
}
