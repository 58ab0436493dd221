/** POSTs as fast as the answers come, over so many kept connections. The only user of autocannon. */
import autocannon from 'autocannon';

export interface LoopFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answered with anything but 2xx, or not at all. */
  readonly refused: number;
}

export interface Loop {
  readonly url: string;
  /** JSON text. */
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
}

export async function closedLoop({ url, body, connections, seconds }: Loop): Promise<LoopFigures> {
  const { requests, latency, non2xx, errors } = await autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections,
    duration: seconds,
  });
  return { requestsPerSecond: Math.round(requests.average), p50Ms: latency.p50, p99Ms: latency.p99, refused: non2xx + errors };
}
