/** `escapement serve` as it ships, but with watermarks, segments, snapshots and a retention that fit some mebibytes and seconds. */
import { parseArgs } from 'node:util';
import { main } from '../../gateway/main.js';

const MiB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    port: { type: 'string' },
    /** Below it new work is refused; 0 leaves it to the first commit that finds no room. */
    'free-mib-min': { type: 'string', default: '0' },
    'segment-kib': { type: 'string', default: '262144' },
    'wal-kib': { type: 'string', default: '131072' },
    'retention-ms': { type: 'string', default: '604800000' },
    'snapshot-records': { type: 'string', default: '100000' },
    'log-level': { type: 'string', default: 'info' },
  },
});

void main({
  argv: [
    'serve',
    '--data-dir',
    values['data-dir']!,
    '--port',
    values.port!,
    '--partitions',
    '2',
    '--log-level',
    values['log-level'],
  ],
  engine: {
    retentionMs: Number(values['retention-ms']),
    snapshotRecords: Number(values['snapshot-records']),
    log: {
      freeBytesMin: Number(values['free-mib-min']) * MiB,
      ballastBytes: 2 * MiB,
      segmentBytesMax: Number(values['segment-kib']) * 1024,
      walBytesMax: Number(values['wal-kib']) * 1024,
    },
  },
});
