/** Events that leave as webhooks to the benches' receiver, scheduled over HTTP in batches, and what the receiver says of them. */
import { until } from '../../test/support/deadline.js';
import type { Curve, LagFigures } from './lag-histogram.js';
import { openLoop } from './open-loop.js';
import { sampleEvent } from './sample-body.js';
import type { Target } from './targets.js';

export interface ReceiverFigures {
  readonly arrived: number;
  readonly repeated: number;
  readonly early: number;
  /** When the last one came, on the wall clock. */
  readonly lastAtMs: number;
  readonly lag: LagFigures;
  readonly curve: Curve;
}

const aheadMs = 1_000;
const drainMsMax = 60_000;

export interface WebhookLoad {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Delivered extends ReceiverFigures {
  /** From the first intended moment to the last arrival. */
  readonly deliveredPerSecond: number;
  readonly behindMs: number;
}

/** Each is handed over a second ahead of its intended moment. Resolves when all have arrived. */
export async function deliverAtRate(server: Target, receiver: Target, { perSecond, seconds }: WebhookLoad): Promise<Delivered> {
  const count = perSecond * seconds;
  await receiver.client.post('/reset');
  const beganMs = Date.now() + aheadMs;
  const { behindMs } = await openLoop({ perSecond, count, aheadMs }, ({ atMs }) => scheduleWebhooks(server, receiver, atMs));
  const figures = await arrivals(receiver, count);
  return { ...figures, deliveredPerSecond: Math.round((count / (figures.lastAtMs - beganMs)) * 1_000), behindMs };
}

/** Throws unless all are accepted. */
export async function scheduleWebhooks(server: Target, receiver: Target, atMs: readonly number[]): Promise<void> {
  const destination = `${receiver.url}/hook`;
  const events = atMs.map((at) => sampleEvent({ destination, scheduled_at: new Date(at).toISOString() }));
  const { status, text, body } = await server.client.batch(events);
  if (status !== 200 || body.accepted !== events.length) throw new Error(`a batch was answered ${status}: ${text.slice(0, 500)}`);
}

/** Once `count` have come. */
export function arrivals(receiver: Target, count: number): Promise<ReceiverFigures> {
  return until(
    `${count} webhooks`,
    async () => {
      const { body } = await receiver.client.get<ReceiverFigures>('/figures');
      return body.arrived >= count && body;
    },
    drainMsMax,
  );
}
