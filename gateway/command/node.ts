/**
 * `escapement serve`, `gateway`, `engine`: puts the parts of a node together in one process, and takes them apart again. Which parts those are,
 * engine and gateway know by the role in their configuration.
 *
 * After the start, signals and defects end the process. The log is written so that any end is safe.
 */
import {
  type Command,
  type Config,
  command,
  configFrom,
  createEngine,
  createLogger,
  descriptorLimit,
  drainMsMax,
  type EngineOptions,
  type Logger,
  type Role,
  settingsOf,
  shareDescriptors,
  stopMsMax,
} from '../../engine/index.js';
import { startGateway } from '../gateway.js';
import { refuseWhatCannotStart } from '../preflight.js';
import { exitCodes } from './exit-codes.js';

export interface Listening {
  readonly url: string;
  readonly config: Config;
}

export interface NodeOptions {
  /** Called once, after the line that says where it listens. */
  readonly onListening?: (listening: Listening) => void;
  /** Of its engine, beside the configuration. */
  readonly engine?: Pick<EngineOptions, 'log' | 'retentionMs' | 'snapshotRecords'>;
}

const inWords: Readonly<Record<Role, { readonly summary: string; readonly explanation: string }>> = {
  serve: { summary: 'runs gateway and engine in one process; the default', explanation: '' },
  gateway: {
    summary: 'runs a gateway of a cluster: takes requests, keeps nothing',
    explanation: `It answers every call of the API for the engines of the cluster, which it reaches through NATS. It has no data directory.
`,
  },
  engine: {
    summary: 'runs an engine of a cluster: keeps partitions and delivers',
    explanation: `Over HTTP it answers /health and /metrics. Events come to it from the gateways of the cluster, through NATS.
`,
  },
};

export function nodeCommand(role: Role, { onListening, engine }: NodeOptions): Command {
  const { summary, explanation } = inWords[role];
  return command({
    name: role,
    summary,
    parameters: [],
    settings: settingsOf[role],
    explanation: `${explanation}It prints one line when it takes requests, and goes on until SIGINT or SIGTERM.
Exit codes: 0 stopped, 1 could not start, 70 a defect, 130 a second signal cut the stop short.`,
    async run({ values, surroundings }) {
      const config = configFrom(values, { role, ...surroundings });
      // Nobody may be reading, or its disk be full: no reason not to run.
      process.stdout.on('error', () => undefined);
      const url = await startNode(config, engine);
      process.stdout.write(`Escapement listening on ${url}\n`);
      onListening?.({ url, config });
      return 'running';
    },
  });
}

/** Returns the address. */
async function startNode(config: Config, options: NodeOptions['engine']): Promise<string> {
  await refuseWhatCannotStart(config);
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  exitOnDefect(logger);
  const started = exitOnEarlySignal(logger);
  // Before anything is touched. How many partitions a cluster has is known when it is joined.
  if (config.cluster === null) connectionsOf(config, config.partitions);
  const engine = await createEngine({ config, logger, ...options });
  try {
    const connections = connectionsOf(config, engine.cluster()?.partitions.length ?? config.partitions);
    const gateway = await startGateway({ engine, config, logger, connections });
    started();
    const withinMs = config.cluster === null ? stopMsMax.alone : stopMsMax.inCluster;
    stopOnSignal(logger, {
      withinMs,
      stop: async () => {
        await engine.withdraw();
        await gateway.close();
        await engine.stop();
      },
    });
    return gateway.url;
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

/** What its own files and threads leave to clients. Throws StartError when that is nothing. */
function connectionsOf({ role, actorThreads }: Config, partitions: number): number {
  const kept =
    role === 'gateway' ? { partitions: 0, actorThreads: 0 } : { partitions, actorThreads: Math.min(actorThreads, partitions) };
  return shareDescriptors({ ...kept, limit: descriptorLimit() }).connections;
}

/** Under `npm start` one Ctrl-C arrives twice: from the terminal, and passed on by npm. Nobody presses it this fast. */
const sameSignalMs = 500;

/**
 * Until a node has started there is nothing that an orderly stop would save. Left to the system, a signal would do nothing at all in a container, where
 * the process is the first: such a one dies of signals that it has asked for only. Returns what ends it.
 */
function exitOnEarlySignal(logger: Logger): () => void {
  const onSignal = (signal: NodeJS.Signals): never => {
    logger.info({ component: 'main', signal }, 'stopped before it had started');
    return process.exit(exitCodes.done);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  };
}

/** The first signal stops in order, the second at once. */
function stopOnSignal(logger: Logger, { withinMs, stop }: { readonly withinMs: number; stop(): Promise<void> }): void {
  let stoppingSinceMs: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stoppingSinceMs !== null) {
      if (performance.now() - stoppingSinceMs > sameSignalMs) process.exit(exitCodes.secondSignal);
      return;
    }
    stoppingSinceMs = performance.now();
    logger.info({ component: 'main', signal, drainMsMax }, 'stopping: attempts in flight may finish');
    setTimeout(() => {
      logger.fatal({ component: 'main', withinMs }, 'the stop takes too long');
      // `exit` waits for threads, and one that hangs is the likely reason for this.
      process.abort();
    }, withinMs).unref();
    stop().then(
      () => {
        logger.info({ component: 'main' }, 'stopped');
        process.exit(0);
      },
      (error: unknown) => {
        logger.fatal({ component: 'main', err: error }, 'the stop failed');
        process.exit(exitCodes.defect);
      },
    );
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

/** After an error that nobody caught nothing is known; what was acknowledged is on disk, and a restart begins from there. */
function exitOnDefect(logger: Logger): void {
  const onDefect = (err: unknown): never => {
    logger.fatal({ component: 'main', err }, 'a defect: please report it');
    return process.exit(exitCodes.defect);
  };
  process.on('uncaughtException', onDefect).on('unhandledRejection', onDefect);
}
