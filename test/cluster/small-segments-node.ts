/** As `escapement serve`, `engine` or `gateway`, but a few events fill a segment: `SEGMENT_KIB`. What is sealed goes out of the journal into bases. */
import {
  command,
  configFrom,
  createEngine,
  createLogger,
  readInvocation,
  roles,
  settings,
  settingsOf,
  surroundingsOf,
} from '../../engine/index.js';
import { startGateway } from '../../gateway/index.js';

const segmentBytesMax = Number(process.env['SEGMENT_KIB']) * 1024;

const commands = roles.map((role) =>
  command({
    name: role,
    summary: 'with small segments',
    parameters: [],
    settings: settingsOf[role],
    explanation: '',
    async run({ values, surroundings }) {
      const config = configFrom(values, { role, ...surroundings });
      const logger = createLogger({ level: config.logLevel, format: 'json' });
      const engine = await createEngine({ config, logger, log: { segmentBytesMax } });
      const gateway = await startGateway({ engine, config, logger });
      process.once('SIGTERM', () => {
        void engine
          .withdraw()
          .then(() => gateway.close())
          .then(() => engine.stop())
          .then(() => process.exit(0));
      });
      console.log(`Escapement listening on ${gateway.url}`);
      return 'running';
    },
  }),
);

const invocation = readInvocation({ commands, settings }, surroundingsOf(process.argv.slice(2)));
if (invocation.do === 'run') await invocation.run();
