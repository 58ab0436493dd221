/**
 * An event as answers show it.
 *
 * Written as text by hand, and the payload spliced in as the bytes that came: `JSON.stringify` of an object would need the
 * payload as an object and would lose what it is sent for. All documented fields are there, null when unset.
 */
import { type EventSpec, type EventView, formatEventId, type HistoryEntry } from '../../engine/index.js';
import { formatInstant } from '../input/fields/instant.js';

/** Producers put credentials into these; whoever may read an event must not learn them. */
const redactedHeaders = new Set(['authorization', 'cookie', 'x-api-key']);

/** The facts about an event besides what was asked for. */
type Facts = Omit<EventView, 'id' | 'spec'> & { readonly id: string };

export function renderView(view: EventView): Buffer {
  return render(view.spec, { ...view, id: formatEventId(view.id) });
}

/** An event that was accepted just now: SCHEDULED, version 1, and nothing has happened to it. */
export function renderAccepted(spec: EventSpec, { id, partition }: { id: string; partition: number }): Buffer {
  return render(spec, {
    id,
    partition: partition as Facts['partition'],
    status: 'SCHEDULED',
    version: 1,
    waitingFor: null,
    attempts: 0,
    nextAttemptAtMs: spec.scheduledAtMs,
    updatedAtMs: spec.createdAtMs,
    finishedAtMs: null,
    lastStatusCode: null,
    lastError: null,
    fireLagMs: null,
  });
}

/** Without headers and payload. */
export function renderList(views: readonly EventView[]): string {
  return `[${views.map((view) => `${shared(view.spec, { ...view, id: formatEventId(view.id) })}}`).join(',')}]`;
}

function render(spec: EventSpec, facts: Facts): Buffer {
  const head = `${shared(spec, facts)},"headers":${pairs(spec.headers, redactedHeaders)},"payload":`;
  return spec.payload === null ? Buffer.from(`${head}null}`) : splice(head, spec.payload);
}

/** What every answer shows, without the bracket at the end. Text in quotes stands bare where its form (label, enum, id) leaves nothing to escape. */
function shared(spec: EventSpec, facts: Facts): string {
  const { retry } = spec;
  return (
    `{"id":"${facts.id}","external_job_id":${textOrNull(spec.externalJobId)},"source":"${spec.source}",` +
    `"type":${textOrNull(spec.type)},"description":${textOrNull(spec.description)},"status":"${facts.status}",` +
    `"version":${facts.version},"waiting_for":${textOrNull(facts.waitingFor)},"scheduled_at":"${formatInstant(spec.scheduledAtMs)}",` +
    `"delivery_type":"${spec.deliveryType}","destination":${quoted(spec.destination)},"method":${textOrNull(spec.method)},` +
    `"priority":${spec.priority},"max_retries":${spec.maxRetries},"retry":{"strategy":"${retry.strategy}",` +
    `"initial_ms":${retry.initialMs},"max_ms":${retry.maxMs},"multiplier":${retry.multiplier},"jitter":"${retry.jitter}"},` +
    `"timeout_ms":${spec.timeoutMs},"expires_at":${instantOrNull(spec.expiresAtMs)},"tags":${pairs(spec.tags)},` +
    `"attempts":${facts.attempts},"next_attempt_at":${instantOrNull(facts.nextAttemptAtMs)},` +
    `"created_at":"${formatInstant(spec.createdAtMs)}","updated_at":"${formatInstant(facts.updatedAtMs)}",` +
    `"finished_at":${instantOrNull(facts.finishedAtMs)},"last_status_code":${facts.lastStatusCode},` +
    `"last_error":${textOrNull(facts.lastError)},"fire_lag_ms":${lag(facts.fireLagMs)},"partition":${facts.partition},` +
    `"schedule_id":null`
  );
}

function splice(head: string, payload: Uint8Array): Buffer {
  const headBytes = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headBytes + payload.length + 1);
  bytes.write(head);
  bytes.set(payload, headBytes);
  bytes[headBytes + payload.length] = 0x7d;
  return bytes;
}

export function renderHistory(entries: readonly HistoryEntry[]): string {
  return JSON.stringify({
    data: entries.map((entry) => ({
      version: entry.version,
      at: formatInstant(entry.at),
      status: entry.status,
      attempt: entry.attempt,
      status_code: entry.statusCode,
      duration_ms: entry.durationMs === null ? null : Math.round(entry.durationMs),
      error: entry.error,
      response_body: entry.responseBody === null ? null : excerptOf(entry.responseBody),
      next_attempt_at: entry.nextAttemptAtMs === null ? null : formatInstant(entry.nextAttemptAtMs),
    })),
  });
}

/** What was kept may end in the middle of a character: told that more may follow, the decoder leaves such a rest out. */
function excerptOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
}

function textOrNull(text: string | null): string {
  return text === null ? 'null' : quoted(text);
}

/** As `JSON.stringify` writes it, which takes three times as long for a text in which there is nothing to escape. */
function quoted(text: string): string {
  if (text.length > plainCharsMax) return JSON.stringify(text);
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < 0x20 || char > 0x7e || char === 0x22 || char === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}

const plainCharsMax = 256;

function instantOrNull(ms: number | null): string {
  return ms === null ? 'null' : `"${formatInstant(ms)}"`;
}

function lag(ms: number | null): string {
  return String(rounded(ms));
}

/** Microseconds are as fine as anything here is measured. */
export function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1_000) / 1_000;
}

/** Never through an object: `__proto__` is a name like any other. */
function pairs(given: readonly (readonly [name: string, value: string])[], redacted?: ReadonlySet<string>): string {
  if (given.length === 0) return 'null';
  let members = '';
  for (const [name, value] of given) {
    const shown = redacted?.has(name) === true ? '"[redacted]"' : quoted(value);
    members += `${members === '' ? '' : ','}${quoted(name)}:${shown}`;
  }
  return `{${members}}`;
}
