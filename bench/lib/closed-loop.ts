/**
 * POSTs as fast as the answers come, over so many kept connections. The only user of autocannon.
 *
 * For throughput. Its latencies are those of a client that waits for its answer before it sends again: `open-loop-http.ts` is for how
 * long a client with a rate of its own waits.
 */
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
  readonly contentType?: string;
  readonly body: string | Buffer;
  readonly connections: number;
  readonly seconds: number;
}

/** A run of a tenth of a second may end before the first answer where others keep the machine busy, and then says nothing. */
const secondsMax = 10;

export async function closedLoop(loop: Loop): Promise<LoopFigures> {
  let result = await run(loop);
  for (let seconds = 2 * loop.seconds; result.requests.total === 0 && seconds <= secondsMax; seconds *= 2) {
    result = await run({ ...loop, seconds });
  }
  // Over the time that it really took: of a short run autocannon's own average is of whole seconds.
  const { requests, latency, non2xx, errors, duration } = result;
  return {
    requestsPerSecond: Math.round(requests.total / duration),
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    refused: non2xx + errors,
  };
}

function run({ url, contentType = 'application/json', body, connections, seconds }: Loop): Promise<autocannon.Result> {
  return autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
    connections,
    duration: seconds,
    // It ends with a sample.
    sampleInt: Math.min(1, seconds) * 1_000,
  }) as Promise<autocannon.Result>;
}
