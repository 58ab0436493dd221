/** A whole engine with its threads on a directory of its own, whose handlers a test holds in its hands. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import {
  createEngine,
  createLogger,
  defaultConfig,
  type Engine,
  type EngineConfig,
  type EngineOptions,
  type EventSpec,
  type EventStatus,
  type EventView,
  type LocalDelivery,
  type LocalHandler,
  type WallMs,
} from '../../engine/index.js';
import { specOf } from '../event/specs.js';

export interface Test {
  teardown(work: () => unknown): void;
}

export function tempDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-engine-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface TestEngineParts {
  readonly dataDir?: string;
  readonly config?: Partial<EngineConfig>;
  readonly log?: EngineOptions['log'];
  readonly retentionMs?: number;
  readonly snapshotRecords?: number;
  readonly deliver?: Readonly<Record<string, LocalHandler>>;
}

export interface LogLine {
  readonly msg: string;
  readonly level: string;
}

/** What the engine handed to its handler, with the moment. */
export interface Delivered extends LocalDelivery {
  readonly at: number;
}

export class TestEngine {
  readonly engine: Engine;
  readonly dataDir: string;
  readonly deliveries: Delivered[];
  /** Lines of the log, as objects. */
  readonly lines: LogLine[];
  #isStopped = false;

  private constructor(engine: Engine, { dataDir, deliveries, lines }: Pick<TestEngine, 'dataDir' | 'deliveries' | 'lines'>) {
    this.engine = engine;
    this.dataDir = dataDir;
    this.deliveries = deliveries;
    this.lines = lines;
  }

  /** Started and ready. Its handler `sink` takes everything and answers nothing. */
  static async start(
    t: Test,
    { dataDir = tempDir(t), config, log, deliver = {}, ...more }: TestEngineParts = {},
  ): Promise<TestEngine> {
    const deliveries: Delivered[] = [];
    const lines: LogLine[] = [];
    const logger = createLogger({
      level: 'info',
      format: 'json',
      sink: { write: (line) => lines.push(JSON.parse(line) as LogLine) },
    });
    const engine = await createEngine({
      config: defaultConfig({ dataDir, partitions: 2, actorThreads: 1, ...config }),
      logger,
      deliver: {
        sink: (batch) => {
          const at = performance.timeOrigin + performance.now();
          for (const delivery of batch) deliveries.push({ ...delivery, payload: delivery.payload?.slice() ?? null, at });
        },
        ...deliver,
      },
      ...more,
      ...(log === undefined ? {} : { log }),
    });
    const test = new TestEngine(engine, { dataDir, deliveries, lines });
    t.teardown(() => test.stop());
    await until(() => engine.health().status !== 'recovering', 'everything is replayed');
    return test;
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.engine.stop();
  }

  /** A new event for the handler `sink`, due in an hour unless told otherwise. Returns its id. */
  async schedule(fields: Partial<EventSpec> = {}): Promise<string> {
    const result = await this.engine.schedule({ spec: localSpec(fields), timeGiven: true });
    if (result.replayed) throw new Error('expected a new event, found a replayed one');
    return result.id;
  }

  async untilStatus(id: string, status: EventStatus): Promise<EventView> {
    let view = await this.engine.get(id);
    await until(async () => {
      view = await this.engine.get(id);
      return view.status === status;
    }, `event ${id} is ${status}`);
    return view;
  }

  untilDelivered(count: number): Promise<void> {
    return until(() => this.deliveries.length >= count, `${count} deliveries`);
  }

  /** Once all of these events have been delivered. */
  async deliveriesOf(ids: readonly string[]): Promise<Delivered[]> {
    const these = () => this.deliveries.filter(({ id }) => ids.includes(id));
    await until(() => these().length >= ids.length, `${ids.length} deliveries`);
    return these();
  }
}

export function localSpec(fields: Partial<EventSpec> = {}): EventSpec {
  const now = Math.floor(Date.now()) as WallMs;
  return specOf({
    deliveryType: 'LOCAL',
    destination: 'sink',
    method: null,
    scheduledAtMs: (now + 3_600_000) as WallMs,
    createdAtMs: now,
    ...fields,
  });
}

export const inMs = (ms: number) => (Math.floor(Date.now()) + ms) as WallMs;

/** Threads are real here, so waiting is looking again, up to a limit. A look that took long, and busies other threads, is not repeated before twice as long has passed. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    const since = performance.now();
    if (await condition()) return;
    const now = performance.now();
    if (now > end) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(5, 2 * (now - since))));
  }
}

/** `work` for each index below `count`, some at once: one after the other, each waits for a commit of its own. */
export async function forEach(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** Every worker thread that is started from now on. */
export function watchWorkers(t: Test): Set<Worker> {
  const workers = new Set<Worker>();
  const started = (message: unknown) => {
    const { worker } = message as { worker: Worker };
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  };
  subscribe('worker_threads', started);
  t.teardown(() => unsubscribe('worker_threads', started));
  return workers;
}
