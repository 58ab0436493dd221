#!/usr/bin/env node
/**
 * The command `escapement`: puts engine and gateway together in one process, and takes them apart again.
 *
 * Exit codes: 0 after a clean stop (SIGINT, SIGTERM), 1 when it could not start (one line on stderr), 130 when a second
 * signal cut the stop short, 70 after a defect. The log is written so that any of them is safe.
 */
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  type Config,
  createEngine,
  createLogger,
  drainMsMax,
  invocationOfProcess,
  type Logger,
  StartError,
} from '../engine/index.js';
import { startGateway } from './index.js';
import { refuseWhatCannotStart } from './preflight.js';

const exitCodes = { startRefused: 1, defect: 70, secondSignal: 130 } as const;

/** Attempts in flight may take `drainMsMax`; closing the log takes milliseconds. Longer than this, a thread hangs. */
const stopMsMax = drainMsMax + 10_000;

export interface Listening {
  readonly url: string;
  readonly config: Config;
}

export interface MainOptions {
  /** Without program and script. */
  readonly argv: readonly string[];
  /** Called once, after the line that says where it listens. */
  readonly onListening?: (listening: Listening) => void;
}

/** Resolves when it listens, or when there is nothing to run. The process then goes on until a signal. */
export async function main({ argv, onListening }: MainOptions): Promise<void> {
  try {
    const invocation = invocationOfProcess(argv);
    if (invocation.do === 'print') {
      process.stdout.write(`${invocation.text}\n`);
      return;
    }
    const { config } = invocation;
    const url = await serve(config);
    process.stdout.write(`Escapement listening on ${url}\n`);
    onListening?.({ url, config });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`escapement: ${error.message}\n`);
    // What had been started before the refusal is closed by now; a thread that lingers must not keep the process.
    process.exit(exitCodes.startRefused);
  }
}

/** Returns the address. From here on signals and defects end the process. */
async function serve(config: Config): Promise<string> {
  await refuseWhatCannotStart(config);
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  exitOnDefect(logger);
  const engine = await createEngine({ config, logger });
  try {
    const gateway = await startGateway({ engine, config, logger });
    stopOnSignal(logger, async () => {
      await gateway.close();
      await engine.stop();
    });
    return gateway.url;
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

/** Under `npm start` one Ctrl-C arrives twice: from the terminal, and passed on by npm. Nobody presses it this fast. */
const sameSignalMs = 500;

/** The first signal stops in order, the second at once. */
function stopOnSignal(logger: Logger, stop: () => Promise<void>): void {
  let stoppingSinceMs: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stoppingSinceMs !== null) {
      if (performance.now() - stoppingSinceMs > sameSignalMs) process.exit(exitCodes.secondSignal);
      return;
    }
    stoppingSinceMs = performance.now();
    logger.info({ component: 'main', signal, drainMsMax }, 'stopping: attempts in flight may finish');
    setTimeout(() => {
      logger.fatal({ component: 'main', stopMsMax }, 'the stop takes too long');
      process.exit(exitCodes.defect);
    }, stopMsMax).unref();
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

function isEntryPoint(): boolean {
  const script = process.argv[1];
  return script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href;
}

if (isEntryPoint()) await main({ argv: process.argv.slice(2) });
