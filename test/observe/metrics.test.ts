import t from 'tap';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { latencyBucketsMs } from '../../engine/observe/figures.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { Metrics } from '../../engine/observe/metrics.js';
import { hostFigures, latencyOf } from './host-figures.js';

function setup() {
  const board = new FiguresBoard();
  const metrics = new Metrics({ nats: null, cluster: null, board, version: '1.2.3' });
  /** Value by series, as in the text. */
  const series = async () => {
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  };
  return { board, metrics, series };
}

t.test('every metric of the contract is there from the start', async (t) => {
  const { metrics, series } = setup();
  const found = await series();
  for (const name of ['accepted', 'fired', 'delivered', 'failed', 'dead'])
    t.equal(found.get(`escapement_events_${name}_total`), 0);
  t.equal(found.get('escapement_events_pending'), 0);
  for (const name of ['fire_lag', 'delivery', 'commit']) {
    t.equal(found.get(`escapement_${name}_seconds_count`), 0);
    t.equal(found.get(`escapement_${name}_seconds_bucket{le="+Inf"}`), 0);
  }
  const text = await metrics.text();
  t.match(text, '# TYPE escapement_events_accepted_total counter\n');
  t.match(text, '# TYPE escapement_events_pending gauge\n');
  t.match(text, '# TYPE escapement_fire_lag_seconds histogram\n');
  t.match(text, '# TYPE escapement_event_loop_delay_seconds histogram\n');
  t.match(metrics.contentType, /^text\/plain; version=0.0.4/);
});

t.test('numbers are those of the board at the moment of the scrape', async (t) => {
  const { board, series } = setup();
  board.host(0, hostFigures({ accepted: 4, parked: 2, oldestOverdueMs: 1_500 }));
  t.equal((await series()).get('escapement_events_accepted_total'), 4);
  board.host(0, hostFigures({ accepted: 5 }));
  board.host(
    1,
    hostFigures({
      accepted: 10,
      parked: 1,
      oldestOverdueMs: 2_500,
      waiting: { concurrency: 3, breaker: 0, paused: 0, recovery: 0 },
    }),
  );
  const found = await series();
  t.equal(found.get('escapement_events_accepted_total'), 15);
  t.equal(found.get('escapement_parked_commands'), 1);
  t.equal(found.get('escapement_oldest_overdue_seconds'), 2.5);
  t.equal(found.get('escapement_events_waiting{reason="concurrency"}'), 3);
});

t.test('a histogram has growing buckets in seconds, the last of which is the count, and the sum in seconds', async (t) => {
  const { board, metrics, series } = setup();
  board.host(0, hostFigures({ fireLag: latencyOf(0.2, 0.25, 0.7, 3, 120_000) }));
  const found = await series();
  const buckets = [...found].filter(([name]) => name.startsWith('escapement_fire_lag_seconds_bucket'));
  t.equal(buckets.length, latencyBucketsMs.length + 1);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="0.00025"}'), 2);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="0.0005"}'), 2);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="0.001"}'), 3);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="0.005"}'), 4);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="60"}'), 4);
  t.equal(found.get('escapement_fire_lag_seconds_bucket{le="+Inf"}'), 5);
  t.equal(found.get('escapement_fire_lag_seconds_count'), 5);
  t.ok(Math.abs(found.get('escapement_fire_lag_seconds_sum')! - 120.00415) < 1e-9);
  const counts = buckets.map(([, value]) => value);
  t.same(
    counts,
    [...counts].sort((one, other) => one - other),
  );
  const bounds = (await metrics.text()).match(/fire_lag_seconds_bucket\{le="[^"]+"/g)!.map((label) => label.split('"')[1]);
  t.same(bounds, [...latencyBucketsMs.map((bound) => `${bound / 1_000}`), '+Inf']);
});

t.test('threads, partitions and the build are labels', async (t) => {
  const { board, series } = setup();
  board.host(0, hostFigures({ eventLoopDelay: latencyOf(1) }));
  board.loopDelay('gateway', latencyOf(1, 2));
  board.courier(0, {
    running: 6,
    taken: 7,
    origins: 2,
    breakersOpen: 0,
    breakersHalfOpen: 0,
    breakerOpenings: 0,
    loopDelaysMs: [1],
  });
  board.phase(2 as PartitionId, 'failed');
  board.freeBytes(0, 12_345);
  const found = await series();
  t.equal(found.get('escapement_event_loop_delay_seconds_count{thread="host-0"}'), 1);
  t.equal(found.get('escapement_event_loop_delay_seconds_bucket{thread="gateway",le="+Inf"}'), 2);
  t.equal(found.get('escapement_attempts_in_flight{courier="0"}'), 6);
  t.equal(found.get('escapement_partition_phase{partition="2",phase="failed"}'), 1);
  t.equal(found.get('escapement_partition_phase{partition="2",phase="ready"}'), 0);
  t.equal(found.get('escapement_disk_free_bytes'), 12_345);
  t.equal(found.get(`escapement_build_info{version="1.2.3",node="${process.version}"}`), 1);
  t.ok(found.get('process_resident_memory_bytes')! > 1_000_000);
});

t.test('every series is written once and every family has its help and type', async (t) => {
  const { board, metrics } = setup();
  board.host(0, hostFigures());
  board.courier(0, {
    running: 0,
    taken: 0,
    origins: 0,
    breakersOpen: 0,
    breakersHalfOpen: 0,
    breakerOpenings: 0,
    loopDelaysMs: [],
  });
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '');
  const names = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
  t.equal(new Set(names).size, names.length);
  const families = new Set(names.map((name) => name.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '')));
  for (const family of families) {
    t.equal(lines.filter((line) => line.startsWith(`# HELP ${family} `)).length, 1, family);
    t.equal(lines.filter((line) => line.startsWith(`# TYPE ${family} `)).length, 1, family);
  }
});

t.test('two engines in one process do not mix', async (t) => {
  const one = setup();
  const other = setup();
  one.board.host(0, hostFigures({ accepted: 1 }));
  t.equal((await other.series()).get('escapement_events_accepted_total'), 0);
});
