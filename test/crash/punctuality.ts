/**
 * Is it on time? One probe event every 50 ms, each on its own, and how late each leaves for its destination.
 *
 * Measured where it arrives, on the same machine: what is seen is the lag of the engine plus a request on the loopback and
 * the receiver's own turn, so the engine's own figure (`fire_lag_ms`) is reported beside it.
 */
import { pause, until } from '../support/deadline.js';
import type { Receiver } from '../support/receiver.js';
import type { Server } from '../support/server.js';

export interface Punctuality {
  readonly early: number;
  /** Milliseconds from the time asked for to the arrival. */
  readonly arrival: Quantiles;
  /** What the engine measured: from the time asked for to the start of the attempt. */
  readonly fire: Quantiles;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const probeEveryMs = 50;
/** The time a probe is asked for lies this far ahead. */
const aheadMs = 400;

export interface ProbeOptions {
  readonly server: Server;
  readonly receiver: Receiver;
  readonly path: string;
  readonly probes: number;
}

export async function probe({ server, receiver, path, probes }: ProbeOptions): Promise<Punctuality> {
  const dueAtMs = new Map<string, number>();
  for (let n = 0; n < probes; n++) {
    const { status, text, body } = await server.client.schedule({
      destination: receiver.url + path,
      scheduled_at: new Date(Date.now() + aheadMs).toISOString(),
      payload: { n },
    });
    if (status !== 201) throw new Error(`a probe was answered ${status} ${text}`);
    dueAtMs.set(body.id, Date.parse(body.scheduled_at));
    await pause(probeEveryMs);
  }
  const arrivals = await receiver.until(path, probes, 20_000);
  const lags = arrivals.map(({ id, preciseMs }) => preciseMs - dueAtMs.get(id)!);
  const fireLags: number[] = [];
  for (const id of dueAtMs.keys()) {
    const event = await until('its lag is recorded', async () => {
      const { body } = await server.client.event(id);
      return body.status === 'DELIVERED' && body;
    });
    fireLags.push(event.fire_lag_ms!);
  }
  return {
    early: arrivals.filter(({ id, atMs }) => atMs < dueAtMs.get(id)!).length,
    arrival: quantiles(lags),
    fire: quantiles(fireLags),
  };
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(100 * (sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN)) / 100;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Many events at once, by batches, all accepted when this resolves. */
export async function scheduleMany(
  server: Server,
  { count, event }: { readonly count: number; readonly event: (n: number) => unknown },
): Promise<void> {
  const batchSize = 5_000;
  const lanes = 2;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next += batchSize;
      const events = Array.from({ length: Math.min(batchSize, count - from) }, (_, at) => event(from + at));
      const { status, text, body } = await server.client.post<{ readonly accepted: number }>(
        '/api/v1/events/batch?results=errors',
        { events },
      );
      if (status !== 200 || body.accepted !== events.length)
        throw new Error(`a batch was answered ${status} ${text.slice(0, 500)}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
