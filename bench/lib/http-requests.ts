/** Requests at a fixed rate over kept connections, and how long each took from the moment at which it should have been sent. */
import { Pool } from 'undici';
import { LagHistogram } from './lag-histogram.js';
import { openLoop } from './open-loop.js';

export interface HttpRequest {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
}

export class HttpRequests {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    this.#pool = new Pool(url, { connections, pipelining: 1 });
  }

  /** Sends and records since `sinceMs` of the wall clock. Throws at an answer other than 2xx. */
  async send(
    request: HttpRequest,
    { sinceMs, latency }: { readonly sinceMs: number; readonly latency: LagHistogram },
  ): Promise<string> {
    const answer = await this.#pool.request({ ...request, headers: { 'content-type': 'application/json' } });
    const text = await answer.body.text();
    latency.record(performance.timeOrigin + performance.now() - sinceMs);
    if (answer.statusCode >= 300) throw new Error(`${request.method} ${request.path} was answered ${answer.statusCode}: ${text}`);
    return text;
  }

  /** The same request over and over. */
  async atRate(request: HttpRequest, load: { readonly perSecond: number; readonly seconds: number }): Promise<LagHistogram> {
    const latency = new LagHistogram();
    const count = load.perSecond * load.seconds;
    await openLoop({ perSecond: load.perSecond, count, aheadMs: 0, everyMs: 1 }, ({ atMs }) =>
      Promise.all(atMs.map((sinceMs) => this.send(request, { sinceMs, latency }))),
    );
    return latency;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
