/**
 * Do memory and disk stay bounded while events come, finish and outlive their retention?
 *
 * One row for each tenth of the run: mebibytes on disk and resident, events that are counted, and how far the oldest log has moved on.
 * 500 events a second, of which one in ten stays pending for the whole run, a retention of 6 s, segments of 256 KiB. Good: disk and
 * `retained` level off after two retentions while `accepted` goes on growing, and what is pending stays. `bytesPerEvent` is what the
 * disk takes then for an event that is counted (at this size mostly segments that are waiting for their turn).
 *
 *   npm run bench -- retention-soak
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, EventSpec, WallMs } from '../../engine/index.js';
import { type Bench, type Row, measured } from '../lib/bench.js';
import { scheduleAll, withEngine } from '../lib/local-engine.js';
import { localSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const retentionMs = 6_000;
const eventsPerSecond = 500;
const everyMs = 100;
const pendingEvery = 10;
const rowsPerRun = 10;
const farMs = 3_600_000;

/** Seconds. */
export const bench: Bench = {
  name: 'retention-soak',
  question: 'Do memory and disk stay bounded while events come, finish and outlive their retention?',
  sizes: { small: 2, full: 120 },
  measure: (seconds) => inTempDir(async (dataDir) => measured(await soak(dataDir, seconds))),
};

function soak(dataDir: string, seconds: number): Promise<Row[]> {
  const options = {
    dataDir,
    config: { partitions: 2, actorThreads: 1 },
    deliver: { sink: () => undefined },
    retentionMs,
    snapshotRecords: 5_000,
    log: { segmentBytesMax: 256 * 1024 },
  };
  return withEngine(options, (engine) => run(engine, { dataDir, seconds }));
}

async function run(engine: Engine, { dataDir, seconds }: { readonly dataDir: string; readonly seconds: number }): Promise<Row[]> {
  const rows: Row[] = [];
  const began = performance.now();
  let accepted = 0;
  for (let tenth = 1; tenth <= rowsPerRun; tenth++) {
    while (performance.now() - began < (tenth * seconds * 1_000) / rowsPerRun) {
      const events = Array.from({ length: (eventsPerSecond * everyMs) / 1_000 }, (_, place) => specOf(accepted + place));
      await scheduleAll(engine, events);
      accepted += events.length;
      await pause(everyMs);
    }
    const { total, by_status: byStatus } = engine.statistics();
    const diskBytes = bytesBelow(dataDir);
    rows.push({
      seconds: Math.round((performance.now() - began) / 1_000),
      accepted,
      retained: total,
      pending: byStatus.SCHEDULED,
      diskMiB: mebibytes(diskBytes),
      residentMiB: mebibytes(process.memoryUsage.rss()),
      segments: segmentsBelow(dataDir),
      bytesPerEvent: Math.round(diskBytes / Math.max(1, total)),
    });
  }
  return rows;
}

function specOf(number: number): EventSpec {
  const now = Date.now();
  const scheduledAtMs = (number % pendingEvery === 0 ? now + farMs : now) as WallMs;
  return localSpec({ externalJobId: `soak-${number}`, scheduledAtMs });
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
