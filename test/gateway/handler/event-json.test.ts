import t from 'tap';
import type { EventView, WallMs } from '../../../engine/index.js';
import { renderHistory, renderView } from '../../../gateway/handler/event-json.js';
import { FakeEngine } from '../../support/fake-engine.js';

async function setup(): Promise<EventView> {
  const engine = new FakeEngine();
  const at = Date.UTC(2026, 10, 20, 10) as WallMs;
  const none = {
    externalJobId: null,
    type: null,
    description: null,
    delayMs: null,
    expiresAtMs: null,
    idempotencyKey: null,
    traceparent: null,
  };
  const retry = { strategy: 'linear', initialMs: 5, maxMs: 7, multiplier: 1.5, jitter: 'none' } as const;
  const spec = {
    ...none,
    source: 's',
    scheduledAtMs: at,
    deliveryType: 'LOCAL',
    destination: 'known',
    method: null,
    headers: [],
    payload: null,
    priority: 0,
    maxRetries: 0,
    retry,
    timeoutMs: 100,
    tags: [],
    createdAtMs: at,
  } as const;
  const scheduled = await engine.schedule({ spec, timeGiven: true });
  if (scheduled.replayed) throw new Error('a new event was expected');
  return engine.get(scheduled.id);
}

t.test('what happened to an event is shown, with lag to the microsecond', async (t) => {
  const view: EventView = {
    ...(await setup()),
    status: 'RETRYING',
    version: 4,
    waitingFor: 'breaker',
    attempts: 1,
    nextAttemptAtMs: Date.UTC(2026, 10, 20, 10, 0, 0, 731) as WallMs,
    lastStatusCode: 503,
    lastError: 'HTTP 503 "quoted"\n',
    fireLagMs: 0.80049,
  };
  t.match(JSON.parse(renderView(view).toString()), {
    status: 'RETRYING',
    version: 4,
    waiting_for: 'breaker',
    attempts: 1,
    next_attempt_at: '2026-11-20T10:00:00.731Z',
    last_status_code: 503,
    last_error: 'HTTP 503 "quoted"\n',
    fire_lag_ms: 0.8,
    method: null,
    headers: null,
    tags: null,
    payload: null,
    retry: { strategy: 'linear', initial_ms: 5, max_ms: 7, multiplier: 1.5, jitter: 'none' },
  });
});

t.test('any text and any name in it stays JSON', async (t) => {
  const view = await setup();
  const spec = {
    ...view.spec,
    externalJobId: 'é"\\ü😀',
    description: 'a\n"b"\u2028',
    headers: [
      ['__proto__', '"'],
      ['cookie', 'secret'],
    ] as const,
    tags: [
      ['"', '\\'],
      ['constructor', 'x'],
    ] as const,
    payload: Buffer.from('{"é":[1,2]}'),
  };
  const text = renderView({ ...view, spec }).toString();
  t.match(JSON.parse(text), {
    external_job_id: 'é"\\ü😀',
    description: 'a\n"b"\u2028',
    tags: { '"': '\\', constructor: 'x' },
    payload: { é: [1, 2] },
  });
  t.ok(text.includes('"headers":{"__proto__":"\\"","cookie":"[redacted]"}'));
  t.notMatch(text, /secret/);
});

t.test('a response body that is no text is shown as far as it is one', async (t) => {
  const entry = {
    version: 3,
    at: 0 as WallMs,
    status: 'DEAD',
    attempt: 2,
    statusCode: 500,
    durationMs: 12.6,
    error: 'HTTP 500',
    responseBody: Buffer.from([0x61, 0xff, 0x62]),
    nextAttemptAtMs: null,
  } as const;
  t.match(JSON.parse(renderHistory([entry])), {
    data: [{ response_body: 'a\ufffdb', duration_ms: 13, attempt: 2, next_attempt_at: null }],
  });
  const cut = Buffer.from('é'.repeat(513)).subarray(1, 1_025);
  t.match(JSON.parse(renderHistory([{ ...entry, responseBody: cut }])), {
    data: [{ response_body: `\ufffd${'é'.repeat(511)}` }],
  });
});
