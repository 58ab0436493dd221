/** Statistics and their history, seen from outside. */
import t from 'tap';
import { until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const server = await startServer(t);
const { client } = server;
const receiver = await startReceiver(t);
await server.ready();

interface StatisticsAnswer {
  readonly total: number;
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_delivery_type: Readonly<Record<string, number>>;
  readonly rates: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly fire_lag_ms: Readonly<Record<string, number | null>>;
}
interface HistoryAnswer {
  readonly resolution_ms: number;
  readonly series: readonly { readonly at: string; readonly accepted: number; readonly pending: number }[];
}

t.test('statistics count what is there and what has happened', async (t) => {
  for (let index = 0; index < 4; index++) await client.schedule({ destination: receiver.url });
  const { body } = await client.schedule({ destination: receiver.url, delay: '1d' });
  await client.cancel(body.id);
  await client.schedule({ destination: receiver.url, delay: '1d' });
  const statistics = await until('all of it is counted', async () => {
    const { body } = await client.get<StatisticsAnswer>('/api/v1/events/statistics');
    return (
      body.total === 6 &&
      body.by_status['DELIVERED'] === 4 &&
      body.by_status['CANCELLED'] === 1 &&
      (body.rates['delivered']!['1m'] ?? 0) > 0 &&
      body
    );
  });
  t.match(statistics, {
    total: 6,
    by_status: { DELIVERED: 4, CANCELLED: 1, SCHEDULED: 1, DEAD: 0 },
    by_delivery_type: { HTTP: 6 },
    waiting: { concurrency: 0, breaker: 0, paused: 0, recovery: 0 },
    fire_lag_ms: { count: 4 },
    delivery_ms: { count: 4 },
  });
  const labelled = await client.get<StatisticsAnswer>('/api/v1/events/statistics?source=default');
  t.match(labelled.body, { total: 6, by_status: statistics.by_status, fire_lag_ms: { count: 4 } }, 'of a source');
  t.match((await client.get('/api/v1/events/statistics?source=nobody&type=x')).body, { total: 0, fire_lag_ms: { p99: null } });
  t.equal((await client.get('/api/v1/events/statistics?status=DEAD')).status, 422);
  t.ok(statistics.rates['accepted']!['15m']! >= statistics.rates['delivered']!['15m']!);
});

t.test('history: the last hour by second, earlier by minute', async (t) => {
  const history = await until('a few seconds have been noted', async () => {
    const { body } = await client.get<HistoryAnswer>('/api/v1/metrics/history');
    return body.series.length >= 3 && body;
  });
  t.equal(history.resolution_ms, 1_000);
  t.equal(history.series.at(-1)!.pending, 1);
  const instants = history.series.map(({ at }) => Date.parse(at));
  t.strictSame(
    instants,
    [...instants].sort((one, other) => one - other),
    'oldest first',
  );
  const from = history.series[1]!.at;
  t.equal((await client.get<HistoryAnswer>(`/api/v1/metrics/history?from_time=${from}`)).body.series[0]!.at, from);
  const day = new Date(Date.now() - 7_200_000).toISOString();
  t.equal((await client.get<HistoryAnswer>(`/api/v1/metrics/history?from_time=${day}`)).body.resolution_ms, 60_000);
  t.equal((await client.get('/api/v1/metrics/history?from_time=yesterday')).status, 422);
  t.equal((await client.get('/api/v1/metrics/history?from=x')).status, 422);
});
