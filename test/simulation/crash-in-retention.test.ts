/**
 * F5, and retention: one written run in which snapshots are taken, segments get old, events are carried forward and segments removed,
 * cut off behind each of its steps. Every time nothing is lost, and memory is what the log tells.
 */
import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { delivered } from '../../engine/dispatch/deliverer.js';
import { fairWeather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import { Checkers } from './checkers.js';

const originConcurrency = 2;
const minute = 60_000;
const farMs = 10 * minute;
/** The written part: two looks at the oldest segment are in it. */
const scriptMs = 330;

function build(survives: number, snapshotsFail: boolean) {
  const world = new SimulatedWorld({
    weather: {
      ...fairWeather(),
      segmentRecordsMax: 5,
      replayBatchRecords: 3,
      snapshotRecords: 4,
      retentionMs: 60,
      snapshotFault: () => snapshotsFail,
      survivors: (records) => Math.round(records * survives),
    },
    respond: () => ({ afterMs: 2, result: delivered }),
    partitions: 1,
    courier: { originConcurrency },
  });
  return { world, checkers: new Checkers(world, { originConcurrency }) };
}

function script({ scheduler, producer }: SimulatedWorld): void {
  const at = (ms: number, run: () => void) => scheduler.after(ms, '', run);
  const inMs = (ms: number) => (Math.floor(scheduler.wall) + ms) as WallMs;
  at(3, () => {
    producer.schedule({ scheduledAtMs: inMs(farMs), externalJobId: 'far' });
    producer.schedule({ scheduledAtMs: inMs(5), externalJobId: 'near' });
  });
  at(20, () => {
    const cancelled = producer.schedule({ scheduledAtMs: inMs(farMs), externalJobId: 'cancelled' });
    at(1, () => producer.about('cancel', cancelled.event));
  });
  // Begins in the first segment and finishes when that is about to go.
  at(30, () => producer.schedule({ scheduledAtMs: inMs(60), externalJobId: 'straddles' }));
  for (let ms = 50; ms < 200; ms += 50) at(ms, () => producer.schedule({ scheduledAtMs: inMs(3) }));
  at(220, () => producer.schedule({ scheduledAtMs: inMs(farMs), externalJobId: 'near' }));
}

interface Cut {
  readonly step: number;
  readonly by: 'power-loss' | 'kill' | null;
  readonly survives: number;
  readonly snapshotsFail: boolean;
}

async function run({ step, by, survives, snapshotsFail }: Cut) {
  const { world, checkers } = build(survives, snapshotsFail);
  world.start();
  script(world);
  await world.scheduler.advanceTo(step, scriptMs);
  const { steps } = world.scheduler;
  if (by !== null) {
    world.crash(by);
    world.start();
  }
  await world.scheduler.advance(minute);
  if (!world.isQuiet) throw new Error(`nothing comes to rest: ${world.producer.open} requests are open`);
  checkers.quiet();
  await world.scheduler.advance(farMs);
  checkers.quiet();
  checkers.end();
  const log = world.disk.log(world.partitions[0]!);
  return { steps, beginning: log.beginning, snapshots: log.snapshots.length };
}

t.test('the run takes snapshots and removes segments', async (t) => {
  const { steps, beginning, snapshots } = await run({
    step: Number.POSITIVE_INFINITY,
    by: null,
    survives: 1,
    snapshotsFail: false,
  });
  t.ok(beginning > 1, `the log begins with ${beginning}`);
  t.ok(snapshots > 0);
  t.ok(steps > 150, `${steps} steps`);
});

for (const { by, survives, snapshotsFail } of [
  { by: 'power-loss', survives: 0, snapshotsFail: false },
  { by: 'kill', survives: 1, snapshotsFail: true },
] as const) {
  const how = snapshotsFail ? 'without a snapshot' : 'with what snapshots there are';
  t.test(`cut off by ${by} behind each of its steps, it goes on ${how} and keeps every promise`, async (t) => {
    const { steps } = await run({ step: Number.POSITIVE_INFINITY, by: null, survives: 1, snapshotsFail });
    const broken: string[] = [];
    for (let step = 0; step <= steps; step++) {
      await run({ step, by, survives, snapshotsFail }).catch((error: Error) => broken.push(`step ${step}: ${error.message}`));
    }
    t.same(broken, []);
  });
}
