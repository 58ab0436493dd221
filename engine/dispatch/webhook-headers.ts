/** The headers of one webhook, in the flat list that undici writes without another look. */
import { formatEventId } from '../kernel/event-id.js';
import type { Delivery } from './deliverer.js';
import type { Signer } from './signer.js';
import { isReservedHeader } from './user-headers.js';

const noBody = new Uint8Array(0);

export interface HeaderParts {
  readonly signer: Signer;
  /** `escapement/0.1.0` */
  readonly userAgent: string;
}

/**
 * A producer may say its own `content-type`, `user-agent` and `traceparent`; ours stand only where it did not. Names that
 * are ours alone are refused at intake and left out here, so that no stored event can forge an id or a signature.
 */
export function webhookHeaders({ attempt, spec, startedAtMs, lagMs }: Delivery, { signer, userAgent }: HeaderParts): string[] {
  const id = formatEventId(attempt.event);
  const timestamp = Math.floor(startedAtMs / 1_000);
  const headers = ['webhook-id', id, 'webhook-timestamp', String(timestamp)];
  headers.push('webhook-signature', signer.sign({ id, timestamp, body: spec.payload ?? noBody }));
  headers.push('idempotency-key', id, 'escapement-attempt', String(attempt.attempt));
  headers.push('escapement-scheduled-at', new Date(spec.scheduledAtMs).toISOString());
  headers.push('escapement-lag-ms', String(Math.round(lagMs * 1_000) / 1_000));
  let typed = spec.payload === null;
  let agent = false;
  let traced = spec.traceparent === null;
  for (const [name, value] of spec.headers) {
    if (isReservedHeader(name)) continue;
    headers.push(name, value);
    if (name === 'content-type') typed = true;
    else if (name === 'user-agent') agent = true;
    else if (name === 'traceparent') traced = true;
  }
  if (!typed) headers.push('content-type', 'application/json');
  if (!agent) headers.push('user-agent', userAgent);
  if (!traced) headers.push('traceparent', spec.traceparent!);
  return headers;
}
