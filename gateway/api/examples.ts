/** One story for all examples: order 12345, whose reminder is due on a November morning. */

export const exampleId = '01988f6e-1a2b-7f03-9c1d-0123456789ab';

export const exampleInput = {
  external_job_id: 'order-12345',
  source: 'order-service',
  scheduled_at: '2031-11-20T10:00:00.000Z',
  destination: 'https://example.org/hook',
  tags: { region: 'eu' },
  payload: { orderId: '12345' },
};

export const exampleEvent = {
  id: exampleId,
  external_job_id: 'order-12345',
  source: 'order-service',
  type: null,
  description: null,
  status: 'SCHEDULED',
  version: 1,
  waiting_for: null,
  scheduled_at: '2031-11-20T10:00:00.000Z',
  delivery_type: 'HTTP',
  destination: 'https://example.org/hook',
  method: 'POST',
  priority: 5,
  max_retries: 3,
  retry: { strategy: 'exponential', initial_ms: 1000, max_ms: 3_600_000, multiplier: 2, jitter: 'full' },
  timeout_ms: 30_000,
  expires_at: null,
  tags: { region: 'eu' },
  attempts: 0,
  next_attempt_at: '2031-11-20T10:00:00.000Z',
  created_at: '2026-11-20T09:00:00.000Z',
  updated_at: '2026-11-20T09:00:00.000Z',
  finished_at: null,
  last_status_code: null,
  last_error: null,
  fire_lag_ms: null,
  partition: 3,
  schedule_id: null,
  headers: null,
  payload: { orderId: '12345' },
};

export const exampleCancelled = {
  ...exampleEvent,
  status: 'CANCELLED',
  version: 2,
  next_attempt_at: null,
  updated_at: '2026-11-20T09:30:00.000Z',
  finished_at: '2026-11-20T09:30:00.000Z',
};

export const exampleHealth = {
  status: 'ready',
  components: [{ name: 'partition 0', status: 'ready', detail: null }],
  recovery: { overdue: 0, done_at: null },
};
