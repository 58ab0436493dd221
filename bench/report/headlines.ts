/** The short table: what Escapement is for, what was measured, and what is aimed at on the reference machine. */
import type { Row } from '../lib/bench.js';
import type { Result } from '../lib/result.js';
import { grouped, tableOf } from './table.js';

interface Headline {
  readonly what: string;
  readonly bench: string;
  /** Of the rows of its bench. */
  readonly figure: (rows: readonly Row[]) => string;
  readonly target: string;
}

const headlines: readonly Headline[] = [
  {
    what: 'accepted and on disk, one POST each, 256 connections',
    bench: 'http-schedule-single',
    figure: (rows) => {
      const row = rows.find(({ server, connections }) => server === 'escapement' && connections === 256)!;
      return `${number(row['requestsPerSecond'])}/s, ${row['ofBare']} of a bare handler`;
    },
    target: '50,000/s, 0.65',
  },
  {
    what: 'accepted and on disk, batches of 1,000, 16 connections',
    bench: 'http-schedule-batch',
    figure: (rows) => {
      const row = rows.findLast(({ server, form }) => server === 'escapement' && form === 'json')!;
      return `${number(row['eventsPerSecond'])} events/s, ${row['ofBare']} of a bare handler`;
    },
    target: '240,000 events/s',
  },
  {
    what: 'fire lag at 20,000/s, LOCAL delivery: p50, p99, p99.9',
    bench: 'local-fire',
    figure: (rows) => lag(rows.at(-1)!),
    target: '1, 5, 20 ms',
  },
  {
    what: 'its p99 with 5,000,000 pending over that with 10,000',
    bench: 'local-fire-pending',
    figure: (rows) => `${rows.at(-1)!['ofFewP99']}`,
    target: '0.8 to 1.2',
  },
  {
    what: 'webhooks at 12,000/s: delivered',
    bench: 'webhook-delivery',
    figure: (rows) => `${number(rows.find(({ what }) => what === '12000/s')!['deliveredPerSecond'])}/s`,
    target: '12,000/s',
  },
  {
    what: 'webhooks at 5,000/s: from the time asked for to the arrival, p50, p99, p99.9',
    bench: 'webhook-delivery',
    figure: (rows) => lag(rows.find(({ what }) => what === '5000/s')!),
    target: 'p99 20 ms',
  },
  {
    what: 'accepted, fired and finished at 30,000/s for a minute, LOCAL delivery',
    bench: 'local-end-to-end',
    figure: (rows) => `${number(rows[0]!['finishedPerSecond'])}/s`,
    target: '30,000/s',
  },
  {
    what: 'memory for each of 5,000,000 pending events, without and with external ids',
    bench: 'memory-pending',
    figure: (rows) => {
      const most = rows.filter(({ what, pending }) => pending === 5_000_000 && String(what).startsWith('found'));
      return `${most.map(({ bytesEach }) => bytesEach).join(' and ')} bytes`;
    },
    target: '100 and 130 bytes',
  },
  {
    what: 'ready after kill -9 with 5,000,000 pending',
    bench: 'start-after-kill',
    figure: (rows) => `${rows[0]!['readySeconds']} s`,
    target: '5 s',
  },
  {
    what: 'idle with 1,000,000 pending far ahead',
    bench: 'idle-cpu',
    figure: (rows) => `${rows.at(-1)!['percentOfCore']} % of a core`,
    target: '1 % of a core',
  },
  {
    what: 'changes to 100 WebSocket clients, each of them once',
    bench: 'ws-fanout',
    figure: (rows) => `${number(rows[0]!['itemsPerSecond'])}/s`,
    target: '200,000/s',
  },
  {
    what: 'what lists and statistics add to the p99 of 10,000/s, at most',
    bench: 'list-while-firing',
    figure: (rows) => `${Math.max(...rows.map(({ addsP99Ms }) => Number(addsP99Ms)))} ms`,
    target: '5 ms',
  },
];

function number(value: string | number | undefined): string {
  return grouped(Number(value));
}

function lag(row: Row): string {
  return `${row['p50Ms']}, ${row['p99Ms']}, ${row['p999Ms']} ms`;
}

/** Of what has been measured. */
export function headlineTable(results: ReadonlyMap<string, Result>): string {
  const rows = headlines.flatMap(({ what, bench, figure, target }) => {
    const result = results.get(bench);
    return result === undefined ? [] : [{ what, measured: figure(result.median.rows), target }];
  });
  return rows.length === 0 ? 'Not measured yet.\n' : tableOf(rows);
}
