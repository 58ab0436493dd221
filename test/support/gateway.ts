/** A gateway on a free port with a fake engine behind it; both go with the test. */
import type { Test } from 'tap';
import { type GatewayOptions, startGateway } from '../../gateway/index.js';
import { FakeEngine } from './fake-engine.js';

export interface GatewayUnderTest {
  readonly engine: FakeEngine;
  readonly port: number;
  readonly url: string;
  /** What was logged as a defect. */
  readonly defects: unknown[];
  close(): Promise<void>;
  /** JSON in, JSON out. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text, parsed; for a test the shape is what it expects. */
  readonly json: Readonly<Record<string, unknown>>;
}

export async function setupGateway(t: Test, options: Partial<GatewayOptions> = {}): Promise<GatewayUnderTest> {
  const engine = new FakeEngine();
  const defects: unknown[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (fields: Readonly<Record<string, unknown>>) => void defects.push(fields['err'] ?? fields['reason']),
  };
  const config = { role: 'serve', host: '127.0.0.1', port: 0, tls: null, apiKeys: null } as const;
  const gateway = await startGateway({ engine, config, logger, ...options });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= gateway.close();
    return closing;
  };
  t.teardown(close);
  return {
    engine,
    port: gateway.port,
    url: gateway.url,
    defects,
    close,
    async call(method, path, body, headers = {}) {
      const given = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const response = await fetch(`${gateway.url}${path}`, { method, headers: { ...type, ...headers }, ...given });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson ? (JSON.parse(text) as Answer['json']) : {},
      };
    },
  };
}
