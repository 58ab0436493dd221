/** An engine in this process, as a program embeds it: deliveries go to a handler. For as long as some work takes. */
import { setTimeout as pause } from 'node:timers/promises';
import {
  createEngine,
  createLogger,
  defaultConfig,
  type Engine,
  type EngineConfig,
  type EngineOptions,
  type EventSpec,
  type LocalHandler,
} from '../../engine/index.js';

export interface LocalEngine extends Pick<EngineOptions, 'log' | 'retentionMs' | 'snapshotRecords'> {
  readonly dataDir: string;
  readonly config?: Partial<EngineConfig>;
  /** By name; `sink` is where `localSpec` goes. */
  readonly deliver?: Readonly<Record<string, LocalHandler>>;
}

/** `work` begins when every partition is ready. */
export async function withEngine<Result>(options: LocalEngine, work: (engine: Engine) => Promise<Result>): Promise<Result> {
  const { dataDir, config = {}, deliver = {}, ...rest } = options;
  const engine = await createEngine({
    config: defaultConfig({ dataDir, ...config }),
    logger: createLogger({ level: 'error', format: 'json', sink: process.stderr }),
    deliver,
    ...rest,
  });
  try {
    await ready(engine);
    return await work(engine);
  } finally {
    await engine.stop();
  }
}

async function ready(engine: Engine): Promise<void> {
  while (engine.health().status === 'recovering') await pause(5);
  const health = engine.health();
  if (health.status !== 'ready') throw new Error(`the engine is ${health.status}: ${JSON.stringify(health)}`);
}

/** Throws when one is refused. */
export async function scheduleAll(engine: Engine, specs: readonly EventSpec[]): Promise<void> {
  const results = await engine.scheduleBatch(specs.map((spec) => ({ spec, timeGiven: true })));
  for (const result of results) if (result instanceof Error) throw result;
}
