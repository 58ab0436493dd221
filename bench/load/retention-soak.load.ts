/**
 * Do memory and disk stay bounded while events come, finish and outlive their retention?
 *
 * 20,000 events stay pending for the whole run and are carried from segment to segment; 1,000 a second come, finish at once, and are retained for 5 s in
 * segments of 1 MiB. So all of the disk is written anew every ten seconds or so: a run of 80 s is eight retentions behind the point where a
 * bounded engine stops growing. One row for each tenth of it: mebibytes on disk and resident (of this process, which is engine and
 * producer), events that are counted, and segments. Good: `diskMiB`, `residentMiB` and `retained` of the last rows are those of the middle ones,
 * while `accepted` goes on growing.
 *
 *   npm run bench -- retention-soak
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, WallMs } from '../../engine/index.js';
import { type Bench, type Row, measured } from '../lib/bench.js';
import { scheduleAll, withEngine } from '../lib/local-engine.js';
import { localSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const retentionMs = 5_000;
const eventsPerSecond = 1_000;
const everyMs = 100;
const pendingPerSecond = 250;
const segmentBytesMax = 2 ** 20;
const batchEvents = 1_000;
const rowsPerRun = 10;
const farMs = 3_600_000;

/** Seconds. */
export const bench: Bench = {
  name: 'retention-soak',
  question: 'Do memory and disk stay bounded while events come, finish and outlive their retention?',
  sizes: { small: 1, full: 80 },
  measure: (seconds) => inTempDir(async (dataDir) => measured(await soak(dataDir, seconds))),
};

function soak(dataDir: string, seconds: number): Promise<Row[]> {
  const options = {
    dataDir,
    config: { partitions: 2, actorThreads: 1 },
    deliver: { sink: () => undefined },
    retentionMs,
    snapshotRecords: 5_000,
    log: { segmentBytesMax },
  };
  return withEngine(options, (engine) => run(engine, { dataDir, seconds }));
}

async function run(engine: Engine, { dataDir, seconds }: { readonly dataDir: string; readonly seconds: number }): Promise<Row[]> {
  const rows: Row[] = [];
  const farAway = Date.now() + farMs;
  await schedule(engine, { count: pendingPerSecond * seconds, name: 'pending', at: () => farAway });
  const began = performance.now();
  let accepted = 0;
  for (let tenth = 1; tenth <= rowsPerRun; tenth++) {
    while (performance.now() - began < (tenth * seconds * 1_000) / rowsPerRun) {
      const due = Math.floor(((performance.now() - began) * eventsPerSecond) / 1_000) - accepted;
      await schedule(engine, { count: due, name: `soak-${accepted}`, at: Date.now });
      accepted += due;
      await pause(everyMs);
    }
    const { total, by_status: byStatus } = engine.statistics();
    rows.push({
      seconds: Math.round((performance.now() - began) / 1_000),
      accepted,
      retained: total - byStatus.SCHEDULED,
      pending: byStatus.SCHEDULED,
      diskMiB: mebibytes(bytesBelow(dataDir)),
      residentMiB: mebibytes(process.memoryUsage.rss()),
      segments: segmentsBelow(dataDir),
    });
  }
  return rows;
}

interface Crowd {
  readonly count: number;
  /** Of their external ids. */
  readonly name: string;
  readonly at: () => number;
}

async function schedule(engine: Engine, { count, name, at }: Crowd): Promise<void> {
  for (let from = 0; from < count; from += batchEvents) {
    const specs = Array.from({ length: Math.min(batchEvents, count - from) }, (_, place) =>
      localSpec({ externalJobId: `${name}-${from + place}`, scheduledAtMs: at() as WallMs }),
    );
    await scheduleAll(engine, specs);
  }
}

/** The ballast is not the events'. */
function bytesBelow(dataDir: string): number {
  return filesBelow(dataDir).reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function segmentsBelow(dataDir: string): number {
  return filesBelow(dataDir).filter((path) => path.endsWith('.log')).length;
}

function filesBelow(dataDir: string): string[] {
  const partitions = join(dataDir, 'partitions');
  if (!existsSync(partitions)) return [];
  return readdirSync(partitions, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[a-z-]+$/.test(name))
    .map((name) => join(partitions, name));
}

function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
