/** A request as handlers see it: plain values, copied out of the server's memory before anything is awaited. */
import type { RequestId } from './request-id.js';

export interface Request {
  /** As sent, case and all: methods are case-sensitive. */
  readonly method: string;
  /** Without the query; percent escapes as sent. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** What `X-Request-Id` says in the answer. */
  readonly requestId: RequestId;
  readonly contentType: string | null;
  readonly idempotencyKey: string | null;
  readonly ifMatch: string | null;
  readonly traceparent: string | null;
  /** Where a client of an event stream wants to go on. */
  readonly lastEventId: string | null;
  /** The variable part of the path as sent, an event id or a problem code; empty for a route without. */
  readonly parameter: string;
  /** Ours to keep, unless the route `readsAtOnce`. */
  readonly body: Buffer;
}
