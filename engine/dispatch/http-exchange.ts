/**
 * One request and its answer, which ends exactly once whatever the destination does (faults F23).
 *
 *     nothing, drips, endless  -> the deadline, which no byte moves
 *     a large body             -> what is read is bounded; then the status decides and the connection goes
 *     breaks off               -> a failure, also after a 2xx: whether it is meant is not known before its end
 *     3xx                      -> a failure, never followed: the new place was not checked, nor asked for by the producer
 *     slow to connect          -> whether the request may leave is asked once more when it could
 *
 * undici calls; the first of its calls, or the deadline, that settles the result wins, and the rest is ignored.
 */
import type { Dispatcher } from 'undici';
import type { WallMs } from '../kernel/brand.js';
import { responseKeptBytesMax, responseReadBytesMax } from '../kernel/limits.js';
import type { Placed } from '../kernel/placed-set.js';
import { type DeliveryResult, failedWithout, timedOutAfter, withheld } from './deliverer.js';
import { type Failure, failureOf } from './failure.js';
import { retryAfterMs } from './retry-after.js';

const informational = 200;
const gone = 410;

export interface ExchangeParts {
  readonly timeoutMs: number;
  /** Whether the request may be sent still. */
  readonly mayLeave: () => boolean;
  /** Called once. `reusable`: the connection has nothing of this exchange left on it. */
  readonly settle: (result: DeliveryResult, reusable: boolean) => void;
}

export class HttpExchange implements Dispatcher.DispatchHandler, Placed {
  place = -1;
  readonly #parts: ExchangeParts;
  readonly #deadline: NodeJS.Timeout;
  #settled = false;
  #statusCode: number | null = null;
  #retryAfter: string | null = null;
  #kept: Buffer | null = null;
  #readBytes = 0;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    // A plain timer: an AbortSignal for each attempt costs several times as much and says no more.
    this.#deadline = setTimeout(() => this.fail({ error: timedOutAfter(parts.timeoutMs), unhealthy: true }), parts.timeoutMs);
  }

  /** The connection is there, and nothing of the request has left. What is withheld is so by dropping the connection. */
  onRequestStart(): void {
    if (!this.#parts.mayLeave()) this.#settle(withheld, false);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#settled || statusCode < informational) return;
    this.#statusCode = statusCode;
    const value = headers['retry-after'];
    this.#retryAfter = (typeof value === 'string' ? value : value?.[0]) ?? null;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#keep(chunk);
    this.#readBytes += chunk.length;
    if (this.#readBytes > responseReadBytesMax) this.#answered(false);
  }

  onResponseEnd(): void {
    if (!this.#settled) this.#answered(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(failureOf(error));
  }

  /** No complete answer. What had come of it is kept for people to see. */
  fail(failure: Failure): void {
    this.#settle({ ...failedWithout(failure), statusCode: this.#statusCode, responseBody: this.#kept }, false);
  }

  #answered(reusable: boolean): void {
    const statusCode = this.#statusCode!;
    const delivered = statusCode < 300;
    const kind = delivered ? 'delivered' : statusCode === gone ? 'gone' : 'failed';
    this.#settle(
      {
        kind,
        unhealthy: statusCode >= 500,
        statusCode,
        error: delivered ? null : `HTTP ${statusCode}`,
        responseBody: this.#kept,
        retryAfterMs:
          kind === 'failed' && this.#retryAfter !== null ? retryAfterMs(this.#retryAfter, Date.now() as WallMs) : null,
      },
      reusable,
    );
  }

  #settle(result: DeliveryResult, reusable: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#deadline);
    this.#parts.settle(result, reusable);
  }

  /** Copies: the chunk is a view into the parser's memory. */
  #keep(chunk: Buffer): void {
    const kept = this.#kept?.length ?? 0;
    if (kept >= responseKeptBytesMax) return;
    const more = chunk.subarray(0, responseKeptBytesMax - kept);
    this.#kept = this.#kept === null ? Buffer.from(more) : Buffer.concat([this.#kept, more]);
  }
}
