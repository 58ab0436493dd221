/** F22: a destination that never answers holds up its own events and nobody else's. */
import t from 'tap';
import { pause } from '../support/deadline.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { type Quantiles, quantiles } from './punctuality.js';

const destinations = 100;
const rounds = 8;
const everyMs = 100;
/** More than what may be in flight there at once. */
const hangingEvents = 300;
/** Beyond the first one. A machine that others keep busy for seconds is looked at again; what a hanging destination does to others it does each time. */
const looksMax = 12;

t.test('one of a hundred destinations hangs, and the others get theirs on time', async (t) => {
  const receivers: Receiver[] = [];
  for (let n = 0; n < destinations; n++) receivers.push(await startReceiver(t));
  const [hanging, ...others] = receivers as [Receiver, ...Receiver[]];
  const server = await startServer(t, { env: { ESCAPEMENT_LOG_LEVEL: 'warn' } });
  await server.ready();
  const lagsOf = async (): Promise<number[]> => {
    const startMs = Date.now() + 600;
    const before = new Map(others.map((receiver) => [receiver, receiver.arrivals.length]));
    const events = others.flatMap((receiver, at) =>
      Array.from({ length: rounds }, (_, round) => ({
        destination: receiver.url,
        scheduled_at: new Date(startMs + round * everyMs + at).toISOString(),
      })),
    );
    const { body } = await server.client.batch(events);
    t.equal(body.accepted, events.length);
    const lags: number[] = [];
    for (const receiver of others) {
      const seen = before.get(receiver)!;
      const arrivals = (await receiver.until('/', seen + rounds, 20_000)).slice(seen);
      for (const { preciseMs, headers } of arrivals)
        lags.push(preciseMs - Date.parse(String(headers['escapement-scheduled-at'])));
    }
    return lags;
  };
  await lagsOf();
  const healthy = quantiles(await lagsOf());
  hanging.answer('/', { hang: true });
  await server.client.batch(Array.from({ length: hangingEvents }, () => ({ destination: hanging.url, timeout_ms: 60_000 })));
  await hanging.until('/', 64);
  let withHanging = quantiles(await lagsOf());
  t.comment(`lag at arrival: ${JSON.stringify({ healthy, withHanging })}`);
  // Another process may have had the machine for a moment; what the hanging one does to the others it does each time.
  for (let again = 0; again < looksMax && !isLike(withHanging, healthy); again++) {
    withHanging = quantiles(await lagsOf());
    t.comment(`once more: ${JSON.stringify(withHanging)}`);
  }
  await pause(100);
  t.equal(hanging.arrivals.length, 64, 'what is in flight at the hanging one is bounded');
  const shown = await server.client.get(`/api/v1/destinations/${encodeURIComponent(hanging.url)}`);
  t.match(shown.body, { in_flight: 64, waiting: hangingEvents - 64 }, 'the rest waits, and can be seen');
  t.ok(isLike(withHanging, healthy), 'median and p99 of the others are what they were');
});

function isLike(found: Quantiles, healthy: Quantiles): boolean {
  return found.p50 < healthy.p50 + 5 && found.p99 < healthy.p99 + 50;
}
