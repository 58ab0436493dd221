/**
 * `traceparent` (W3C Trace Context): kept with the event and sent with its webhook, so that a trace goes on across the
 * wait. By that standard a header that cannot be read counts as none; a broken tracer must not stop events.
 */
const shape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export function readTraceparent(header: string | null): string | null {
  return header !== null && shape.test(header) ? header : null;
}
