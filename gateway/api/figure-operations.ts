/** The calls that show figures. */
import { deliveryTypes, eventStatuses } from '../../engine/index.js';
import { type TSchema, typeBuilder } from '../typebox.js';
import { instant, nullable } from './answers.js';
import { type Operation, ofPartition } from './operation.js';

const Type = typeBuilder();

const closed = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const ms = nullable(Type.Number());

/** An object with these names. */
function each(names: readonly string[], schema: TSchema) {
  return Type.Object(Object.fromEntries(names.map((name) => [name, schema])), closed);
}

const rate = Type.Number({ description: 'per second' });
const quantiles = Type.Object({ p50: ms, p90: ms, p95: ms, p99: ms, p99_9: ms, max: ms, count }, closed);
const windows = each(['1m', '5m', '15m'], rate);
const rateNames = ['accepted', 'fired', 'delivered', 'failed'];

const statistics = Type.Object(
  {
    total: count,
    by_status: each(eventStatuses, count),
    by_delivery_type: each(deliveryTypes, count),
    waiting: each(['concurrency', 'breaker', 'paused', 'recovery'], count),
    rates: Type.Object(Object.fromEntries(rateNames.map((name) => [name, windows])), closed),
    fire_lag_ms: quantiles,
    delivery_ms: quantiles,
    oldest_overdue_ms: ms,
  },
  closed,
);

const history = Type.Object(
  {
    resolution_ms: Type.Integer({ description: '1000 or 60000' }),
    series: Type.Array(
      Type.Object(
        {
          at: instant,
          accepted: count,
          fired: count,
          delivered: count,
          failed: count,
          pending: count,
          fire_lag_p50_ms: ms,
          fire_lag_p99_ms: ms,
        },
        closed,
      ),
    ),
  },
  closed,
);

const partitionNumber = Type.Integer({ minimum: 0 });
const nodeName = Type.String({ description: 'its `ESCAPEMENT_NODE_ID`' });

const cluster = Type.Object(
  {
    nodes: Type.Array(
      Type.Object(
        {
          id: nodeName,
          address: nullable(Type.String({ description: 'where it listens; null when it is not known, or no more' })),
          alive: Type.Boolean({ description: 'false: it is gone, and what it had has not been taken over yet' }),
          partitions: Type.Array(partitionNumber, { description: 'that it owns' }),
        },
        closed,
      ),
    ),
    partitions: Type.Array(
      Type.Object(
        {
          partition: partitionNumber,
          owner: nullable(nodeName),
          epoch: Type.Integer({ minimum: 0, description: 'counts its owners' }),
          standby: nullable(Type.String({ description: 'who takes over next, and keeps a copy' })),
          standby_lag: nullable(Type.Integer({ minimum: 0, description: 'entries behind; null: no copy yet' })),
          last_takeover_ms: nullable(Type.Number({ description: 'for how long nothing of it could start' })),
          takeover_duplicates: nullable(Type.Integer({ minimum: 0, description: 'attempts that were made again' })),
          data_loss_count: nullable(Type.Integer({ minimum: 0, description: 'how often its journal has lost something' })),
        },
        closed,
      ),
    ),
  },
  closed,
);

const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
const exampleQuantiles = { p50: 0.4, p90: 0.7, p95: 0.8, p99: 1.4, p99_9: 2.9, max: 3.1, count: 1_200 };
const exampleRate = { '1m': 20, '5m': 18.4, '15m': 18.1 };

export const figureOperations: Readonly<Record<string, Operation>> = {
  'GET /api/v1/events/statistics': {
    id: 'readStatistics',
    tag: 'operation',
    summary: 'How many events there are, and how it goes',
    query: {
      source: { description: 'of this source alone', schema: Type.String(), example: 'order-service' },
      type: { description: 'of this type alone', schema: Type.String(), example: 'reminder' },
    },
    description:
      'At most a quarter of a second old. Rates and quantiles are of the running process, counts of all that is retained.',
    answers: {
      200: {
        description: 'the figures',
        schema: statistics,
        example: {
          total: 1_300,
          by_status: { ...zeros(eventStatuses), SCHEDULED: 100, DELIVERED: 1_200 },
          by_delivery_type: { ...zeros(deliveryTypes), HTTP: 1_300 },
          waiting: { concurrency: 2, breaker: 0, paused: 0, recovery: 0 },
          rates: Object.fromEntries(rateNames.map((name) => [name, exampleRate])),
          fire_lag_ms: exampleQuantiles,
          delivery_ms: exampleQuantiles,
          oldest_overdue_ms: null,
        },
      },
    },
    problems: ofPartition,
  },
  'GET /api/v1/metrics/history': {
    id: 'readMetricsHistory',
    tag: 'operation',
    summary: 'The last hour by second, the last day by minute',
    query: {
      from_time: {
        description: 'up to an hour ago: by second; earlier: by minute. Left out: the last hour',
        schema: instant,
        example: '2026-11-20T10:00:00.000Z',
      },
    },
    answers: {
      200: {
        description: 'oldest first',
        schema: history,
        example: {
          resolution_ms: 1_000,
          series: [
            {
              at: '2026-11-20T10:00:00.000Z',
              accepted: 20,
              fired: 18,
              delivered: 17,
              failed: 1,
              pending: 102,
              fire_lag_p50_ms: 0.4,
              fire_lag_p99_ms: 1.4,
            },
          ],
        },
      },
    },
    problems: [],
  },
  'GET /api/v1/cluster': {
    id: 'readCluster',
    tag: 'operation',
    summary: 'Which nodes there are, and who owns which partition',
    description: 'As the node that is asked knows it. A node that works alone has no cluster: `not-found`.',
    answers: {
      200: {
        description: 'nodes by name, partitions by number',
        schema: cluster,
        example: {
          nodes: [
            { id: 'engine-1', address: 'http://engine-1:8080', alive: true, partitions: [0] },
            { id: 'gateway-1', address: 'http://gateway-1:8080', alive: true, partitions: [] },
          ],
          partitions: [
            {
              partition: 0,
              owner: 'engine-1',
              epoch: 3,
              standby: null,
              standby_lag: null,
              last_takeover_ms: 840,
              takeover_duplicates: 0,
              data_loss_count: 0,
            },
          ],
        },
      },
    },
    problems: ['not-found'],
  },
};
