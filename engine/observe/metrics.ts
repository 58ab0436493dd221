/**
 * What Prometheus reads: `GET /metrics`.
 *
 * Every number already exists on the board when a scrape comes, counted on other threads. prom-client's own Counter and Histogram
 * count for themselves and cannot be set, so what is registered here are families that answer with the board's numbers when they
 * are asked; prom-client keeps their names apart and writes the text. Its default metrics are left out: on each scrape they list
 * the open files through `/proc` on the gateway's thread, and the few of them that matter are here.
 *
 * Units are seconds and bytes, as Prometheus has them. Names below `escapement_` are part of the contract: adding is free,
 * renaming is not. The only door to prom-client; it has a registry of its own, so that two engines in one process do not mix.
 */
import type * as prometheus from 'prom-client';
import { require } from '../kernel/commonjs.js';
import type { ClusterFigures } from './cluster-counts.js';
import type { FiguresBoard } from './figures-board.js';
import type { NatsFigures } from './nats-counts.js';
import { type LatencyFigures, latencyBucketsMs, partitionPhases } from './figures.js';

/** Its own file alone: the package as a whole loads a client of OpenTelemetry, 30 ms of a start. */
const Registry = require('prom-client/lib/registry.js') as typeof prometheus.Registry;

type Labels = Readonly<Record<string, string>>;

/** One line of the text. `suffix`: `_bucket`, `_sum`, `_count` of a histogram. */
interface Sample {
  readonly value: number;
  readonly labels?: Labels;
  readonly suffix?: string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samples(board: FiguresBoard): readonly Sample[];
}

export interface MetricsParts {
  readonly board: FiguresBoard;
  readonly version: string;
  /** Null: not configured, and then there are no families about it. */
  readonly nats: NatsFigures | null;
  /** Null: alone. Else asked with each scrape. */
  readonly cluster: (() => ClusterFigures) | null;
}

export class Metrics {
  readonly #registry = new Registry();

  constructor({ board, version, nats, cluster }: MetricsParts) {
    const all = [
      ...families,
      buildInfo(version),
      ...(nats === null ? [] : natsFamilies(nats)),
      ...(cluster === null ? [] : clusterFamilies(cluster)),
    ];
    for (const family of all) this.#register(family, board);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #register({ name, help, type, samples }: Family, board: FiguresBoard): void {
    const answer = () => ({
      name,
      help,
      type,
      values: samples(board).map(({ value, labels = {}, suffix = '' }) => ({ value, labels, metricName: name + suffix })),
    });
    // All that the registry asks of a metric are its name and `get`; its types know the library's own classes only.
    this.#registry.registerMetric({ name, get: answer } as unknown as prometheus.Metric);
  }
}

const families: readonly Family[] = [
  counter('escapement_events_accepted_total', 'Events accepted.', (board) => one(board.counter('accepted'))),
  counter('escapement_events_fired_total', 'Attempts started.', (board) => one(board.counter('fired'))),
  counter('escapement_events_delivered_total', 'Events delivered.', (board) => one(board.counter('delivered'))),
  counter('escapement_events_failed_total', 'Attempts that failed, each counted.', (board) => one(board.counter('failed'))),
  counter('escapement_events_dead_total', 'Events given up after their last attempt.', (board) => one(board.counter('dead'))),
  counter('escapement_events_cancelled_total', 'Events cancelled.', (board) => one(board.counter('cancelled'))),
  counter('escapement_events_expired_total', 'Events that expired before they were started.', (board) =>
    one(board.counter('expired')),
  ),
  counter('escapement_log_records_total', 'Records appended to the logs.', (board) => one(board.counter('records'))),

  gauge('escapement_events_pending', 'Events that are not finished.', (board) => one(board.pending)),
  gauge('escapement_events', 'Events by status.', (board) => each('status', board.byStatus())),
  gauge('escapement_events_waiting', 'Events that are due and not started, by what they wait for.', (board) =>
    each('reason', board.waiting()),
  ),
  gauge('escapement_events_overdue', 'Events that were overdue when the engine started and have not been started yet.', (board) =>
    one(board.level('overdue')),
  ),
  gauge('escapement_oldest_overdue_seconds', 'Age of the event that is overdue for longest; 0 when none is.', (board) =>
    one((board.oldestOverdueMs ?? 0) / 1_000),
  ),
  gauge('escapement_parked_commands', 'Commands that wait for facts from the disk.', (board) => one(board.level('parked'))),
  gauge('escapement_read_ahead_bytes', 'Payloads in memory ahead of their time.', (board) => one(board.level('readAheadBytes'))),
  gauge('escapement_attempts_in_flight', 'Attempts that are running.', (board) => couriers(board, 'running')),
  gauge('escapement_slots_taken', 'Slots of origins in use, granted or running.', (board) => couriers(board, 'taken')),
  gauge('escapement_origins', 'Origins that a courier remembers.', (board) => couriers(board, 'origins')),
  gauge('escapement_breakers', 'Origins whose circuit breaker is not closed, by its state.', breakers),
  counter('escapement_breaker_opened_total', 'How often a circuit breaker has opened.', (board) =>
    couriers(board, 'breakerOpenings'),
  ),
  gauge('escapement_partition_phase', 'The phase that a partition is in has the value 1.', partitionPhase),
  gauge('escapement_disk_free_bytes', 'Free space under the data directory.', (board) =>
    board.diskFreeBytes === null ? [] : one(board.diskFreeBytes),
  ),

  histogram('escapement_fire_lag_seconds', 'From the time asked for to the start of the attempt.', (board) =>
    distribution(board.latency('fireLag')),
  ),
  histogram('escapement_overdue_lag_seconds', 'The same for events that were overdue when the engine started.', (board) =>
    distribution(board.latency('overdueLag')),
  ),
  histogram('escapement_delivery_seconds', 'Duration of an attempt.', (board) => distribution(board.latency('delivery'))),
  histogram('escapement_commit_seconds', 'Duration of a group commit.', (board) => distribution(board.latency('commit'))),
  histogram('escapement_event_loop_delay_seconds', 'How long a thread lets a message wait.', (board) =>
    [...board.loopDelays()].flatMap(([thread, figures]) => distribution(figures, { thread })),
  ),

  gauge('process_resident_memory_bytes', 'Resident memory of the process.', () => one(process.memoryUsage.rss())),
  gauge('nodejs_heap_used_bytes', 'JavaScript heap in use on the gateway thread.', () => one(process.memoryUsage().heapUsed)),
  gauge('nodejs_external_memory_bytes', 'Memory of buffers outside the heap on the gateway thread.', () =>
    one(process.memoryUsage().external),
  ),
  counter('process_cpu_seconds_total', 'CPU time of the process, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1_000_000);
  }),
  gauge('process_start_time_seconds', 'When the process started, since the Unix epoch.', () =>
    one(performance.timeOrigin / 1_000),
  ),
];

function natsFamilies({ counts, states }: NatsFigures): Family[] {
  return [
    gauge('escapement_nats_connected', 'Whether there is a connection to NATS, by what it is for.', () =>
      Object.entries(states).map(([use, { isConnected }]) => ({ value: isConnected ? 1 : 0, labels: { use } })),
    ),
    counter('escapement_nats_reconnects_total', 'How often a connection to NATS has come back.', () =>
      Object.entries(states).map(([use, { reconnects }]) => ({ value: reconnects, labels: { use } })),
    ),
    counter('escapement_ingest_messages_total', 'Messages of ingestion that were taken, repeats among them.', () =>
      one(counts.messages),
    ),
    counter('escapement_ingest_redelivered_total', 'Messages of ingestion that had been handed out before.', () =>
      one(counts.redelivered),
    ),
    counter('escapement_ingest_put_back_total', 'Messages of ingestion that could not be taken at the moment.', () =>
      one(counts.putBack),
    ),
    counter('escapement_status_changes_published_total', 'Changes published on the status subjects.', () =>
      one(counts.changesTold),
    ),
    counter('escapement_dead_letters_total', 'Events published to the dead-letter subjects.', () => one(counts.deadLetters)),
    counter('escapement_ingest_events_total', 'Events of ingestion by what became of them.', () =>
      each('result', { accepted: counts.accepted, duplicate: counts.duplicates, rejected: counts.rejected }),
    ),
  ];
}

function clusterFamilies(cluster: () => ClusterFigures): Family[] {
  return [
    gauge('escapement_cluster_joined', 'Whether this node is a member of its cluster now.', () =>
      one(cluster().isJoined ? 1 : 0),
    ),
    counter('escapement_cluster_sessions_lost_total', 'Sessions that ended before this node did.', () =>
      one(cluster().counts.sessionsLost),
    ),
    gauge('escapement_cluster_nodes', 'Nodes of the cluster that live, as this one sees it.', () => one(cluster().nodes)),
    gauge('escapement_cluster_partitions_unowned', 'Partitions of the whole cluster that no living node owns.', () =>
      one(cluster().unowned),
    ),
    gauge('escapement_cluster_partitions', 'Partitions by what this node does with them.', () =>
      each('stage', cluster().stages()),
    ),
    gauge('escapement_cluster_standby_lag_entries', 'Entries of the journal that a copy here is behind.', () =>
      cluster()
        .lags()
        .map(([partition, lag]) => ({ value: lag, labels: { partition: `${partition}` } })),
    ),
    histogram(
      'escapement_cluster_takeover_seconds',
      'From when the owner before was last known to serve until a partition was served here.',
      () => distribution(cluster().counts.takeovers.figures()),
    ),
    counter(
      'escapement_cluster_attempts_again_total',
      'Attempts started again after a takeover, as their outcome was not known.',
      () => one(cluster().counts.attemptsAgain),
    ),
    counter(
      'escapement_cluster_partitions_lost_total',
      'Partitions that another node had opened while they were served here.',
      () => one(cluster().counts.partitionsLost),
    ),
    counter('escapement_cluster_partitions_failed_total', 'How often a partition could be neither owned nor followed here.', () =>
      one(cluster().counts.partitionsFailed),
    ),
    counter('escapement_cluster_data_loss_total', 'How often a journal was not what this node knew of it.', (board) =>
      one(board.dataLosses),
    ),
    counter('escapement_cluster_events_kept_total', 'New events that were kept for the next owner (202).', () =>
      one(cluster().counts.eventsKept),
    ),
    counter('escapement_cluster_messages_total', 'Messages between this node and others.', () =>
      each('direction', { sent: cluster().counts.messagesSent, received: cluster().counts.messagesReceived }),
    ),
    counter('escapement_cluster_message_bytes_total', 'Bytes of messages between this node and others.', () =>
      each('direction', { sent: cluster().counts.bytesSent, received: cluster().counts.bytesReceived }),
    ),
  ];
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name, help, type: 'counter', samples };
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, help, type: 'gauge', samples };
}

function histogram(name: string, help: string, samples: Family['samples']): Family {
  return { name, help, type: 'histogram', samples };
}

function buildInfo(version: string): Family {
  return gauge('escapement_build_info', 'What is running.', () => [{ value: 1, labels: { version, node: process.version } }]);
}

function one(value: number): Sample[] {
  return [{ value }];
}

function each(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ value, labels: { [label]: name } }));
}

function couriers(board: FiguresBoard, name: 'running' | 'taken' | 'origins' | 'breakerOpenings'): Sample[] {
  return [...board.couriers].map(([courier, figures]) => ({ value: figures[name], labels: { courier: `${courier}` } }));
}

function breakers(board: FiguresBoard): Sample[] {
  return [...board.couriers].flatMap(([courier, { breakersOpen, breakersHalfOpen }]) => [
    { value: breakersOpen, labels: { courier: `${courier}`, state: 'open' } },
    { value: breakersHalfOpen, labels: { courier: `${courier}`, state: 'half_open' } },
  ]);
}

function partitionPhase(board: FiguresBoard): Sample[] {
  return [...board.phases].flatMap(([partition, current]) =>
    partitionPhases.map((phase) => ({ value: phase === current ? 1 : 0, labels: { partition: `${partition}`, phase } })),
  );
}

/** A bucket of the text counts everything up to its bound; ours count what lies between two bounds. */
function distribution({ buckets, count, sumMs }: LatencyFigures, labels: Labels = {}): Sample[] {
  let upTo = 0;
  const lines = buckets.map((inBucket, index) => {
    upTo += inBucket;
    const bound = latencyBucketsMs[index];
    return { value: upTo, labels: { ...labels, le: bound === undefined ? '+Inf' : `${bound / 1_000}` }, suffix: '_bucket' };
  });
  return [...lines, { value: sumMs / 1_000, labels, suffix: '_sum' }, { value: count, labels, suffix: '_count' }];
}
