/** Calls to a started server over kept connections, and the shapes of its answers. */
import { Agent, request } from 'undici';

export interface HttpAnswer<Body> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Parsed; null when there is no JSON. */
  readonly body: Body;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Sent {
  readonly method: Method;
  readonly path: string;
  /** Text as it is; anything else as JSON; undefined: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Client {
  readonly #url: () => string;
  readonly #agent = new Agent({ connections: 64, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 });

  /** `url` is asked each time, as a restarted server listens elsewhere. */
  constructor(url: () => string) {
    this.#url = url;
  }

  get<Body = unknown>(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<Body>> {
    return this.send({ method: 'GET', path, headers });
  }

  post<Body = unknown>(path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<Body>> {
    return this.send({ method: 'POST', path, body, headers });
  }

  patch<Body = unknown>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<Body>> {
    return this.send({ method: 'PATCH', path, body, headers });
  }

  put<Body = unknown>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<Body>> {
    return this.send({ method: 'PUT', path, body, headers });
  }

  delete<Body = unknown>(path: string): Promise<HttpAnswer<Body>> {
    return this.send({ method: 'DELETE', path });
  }

  /** Under `/api/v1`, as nearly everything is. */
  schedule(event: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.post('/api/v1/events', event, headers);
  }
  batch(events: readonly unknown[], headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer<BatchAnswer & Problem>> {
    return this.post('/api/v1/events/batch', { events }, headers);
  }
  event(id: string): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.get(`/api/v1/events/${id}`);
  }
  history(id: string): Promise<HttpAnswer<{ readonly data: readonly HistoryAnswer[] } & Problem>> {
    return this.get(`/api/v1/events/${id}/history`);
  }
  cancel(id: string): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.post(`/api/v1/events/${id}/cancel`);
  }
  change(
    id: string,
    fields: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.patch(`/api/v1/events/${id}`, fields, headers);
  }
  retry(id: string, times?: unknown): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.post(`/api/v1/events/${id}/retry`, times);
  }
  fire(id: string): Promise<HttpAnswer<EventAnswer & Problem>> {
    return this.post(`/api/v1/events/${id}/fire`);
  }

  /** Rejects when the connection fails. */
  async send<Body = unknown>({ method, path, body, headers = {} }: Sent): Promise<HttpAnswer<Body>> {
    const answer = await request(this.#url() + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      dispatcher: this.#agent,
    });
    const text = await answer.body.text();
    const isJson = /json/.test(String(answer.headers['content-type'] ?? ''));
    return { status: answer.statusCode, headers: answer.headers, text, body: (isJson ? JSON.parse(text) : null) as Body };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

export interface EventAnswer {
  readonly id: string;
  readonly external_job_id: string | null;
  readonly status: string;
  readonly version: number;
  readonly waiting_for: string | null;
  readonly scheduled_at: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly finished_at: string | null;
  readonly last_status_code: number | null;
  readonly last_error: string | null;
  readonly fire_lag_ms: number | null;
  readonly expires_at: string | null;
  readonly payload: unknown;
  readonly [field: string]: unknown;
}

export interface HistoryAnswer {
  readonly version: number;
  readonly at: string;
  readonly status: string;
  readonly attempt: number;
  readonly status_code: number | null;
  readonly duration_ms: number | null;
  readonly error: string | null;
  readonly response_body: string | null;
  readonly next_attempt_at: string | null;
}

export interface BatchAnswer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly results: readonly {
    readonly index: number;
    readonly id?: string;
    readonly status?: string;
    readonly duplicate?: boolean;
    readonly code?: string;
    readonly detail?: string;
    readonly retryable?: boolean;
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  }[];
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly event_id?: string;
  readonly event_status?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}
