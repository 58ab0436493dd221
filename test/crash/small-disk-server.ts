/** As `escapement serve`, but with watermarks, segments, snapshots and a retention that fit some mebibytes and seconds. */
import { parseArgs } from 'node:util';
import { createEngine, createLogger, defaultConfig } from '../../engine/index.js';
import { startGateway } from '../../gateway/index.js';

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
type LogLevel = ReturnType<typeof defaultConfig>['logLevel'];
const config = defaultConfig({
  dataDir: values['data-dir']!,
  port: Number(values.port),
  partitions: 2,
  logLevel: values['log-level'] as LogLevel,
});
const logger = createLogger({ level: config.logLevel, format: 'json' });
const engine = await createEngine({
  config,
  logger,
  retentionMs: Number(values['retention-ms']),
  snapshotRecords: Number(values['snapshot-records']),
  log: {
    freeBytesMin: Number(values['free-mib-min']) * MiB,
    ballastBytes: 2 * MiB,
    segmentBytesMax: Number(values['segment-kib']) * 1024,
    walBytesMax: Number(values['wal-kib']) * 1024,
  },
});
const gateway = await startGateway({ engine, config, logger });
process.once('SIGTERM', () => {
  void gateway
    .close()
    .then(() => engine.stop())
    .then(() => process.exit(0));
});
console.log(`Escapement listening on ${gateway.url}`);
