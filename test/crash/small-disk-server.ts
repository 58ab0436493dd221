/** As `escapement serve`, but with watermarks and segments that fit a file system of some mebibytes. */
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
  },
});
const config = defaultConfig({ dataDir: values['data-dir']!, port: Number(values.port), partitions: 2, logLevel: 'info' });
const logger = createLogger({ level: config.logLevel, format: 'json' });
const engine = await createEngine({
  config,
  logger,
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
