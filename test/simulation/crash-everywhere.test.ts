/**
 * F1 and F8, exhaustively: one written run is cut off behind each of its steps, once for each way to go down, and has to come to
 * the same end every time: nothing lost, nothing early, no cancel broken, whatever survived of what was not synced.
 */
import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { delivered } from '../../engine/dispatch/deliverer.js';
import { fairWeather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import { Checkers } from './checkers.js';

const originConcurrency = 2;
/** The written part; what comes later is the same for every cut. */
const scriptMs = 90;
const minute = 60_000;

interface Cut {
  readonly step: number;
  readonly by: 'power-loss' | 'kill' | 'host' | 'courier' | null;
  /** Of what is not synced, which part survives a crash. */
  readonly survives: number;
}

function build({ survives }: Pick<Cut, 'survives'>) {
  let failures = 0;
  const world = new SimulatedWorld({
    weather: {
      ...fairWeather(),
      segmentRecordsMax: 6,
      replayBatchRecords: 4,
      survivors: (records) => Math.round(records * survives),
    },
    // Every third answer is a refusal, so that there are retries.
    respond: () => ({
      afterMs: 3,
      result:
        ++failures % 3 === 0 ? { ...delivered, kind: 'failed', statusCode: 503, error: 'HTTP 503', unhealthy: true } : delivered,
    }),
    partitions: 1,
    courier: { originConcurrency },
  });
  return { world, checkers: new Checkers(world, { originConcurrency }) };
}

/** Who asks for what, and when. */
function script({ scheduler, producer }: SimulatedWorld): void {
  const at = (ms: number, run: () => void) => scheduler.after(ms, '', run);
  const inMs = (ms: number) => (Math.floor(scheduler.wall) + ms) as WallMs;
  const retry = { strategy: 'fixed', initialMs: 5, maxMs: 5, multiplier: 1, jitter: 'none' } as const;
  at(3, () => {
    for (let n = 0; n < 2; n++) producer.schedule({ scheduledAtMs: inMs(10 + n), externalJobId: `job-${n}`, retry });
  });
  at(6, () => {
    const cancelled = producer.schedule({ scheduledAtMs: inMs(12), retry });
    at(9, () => producer.about('cancel', cancelled.event));
  });
  at(21, () => producer.schedule({ externalJobId: 'job-1', retry, scheduledAtMs: inMs(10) }));
  at(24, () => producer.schedule({ scheduledAtMs: inMs(5), expiresAtMs: inMs(6), retry }));
}

async function run(cut: Cut): Promise<number> {
  const { world, checkers } = build(cut);
  world.start();
  world.watch(true);
  script(world);
  await world.scheduler.advanceTo(cut.step, scriptMs);
  const { steps } = world.scheduler;
  if (cut.by === 'host') world.crashHost(0);
  else if (cut.by === 'courier') world.crashCourier(1);
  else if (cut.by !== null) {
    world.crash(cut.by);
    world.start();
  }
  await world.scheduler.advance(minute);
  if (!world.isQuiet) throw new Error(`nothing comes to rest: ${world.producer.open} requests are open`);
  checkers.quiet();
  checkers.end();
  return steps;
}

const whole: Cut = { step: Number.POSITIVE_INFINITY, by: null, survives: 1 };

t.test('a run without a crash keeps every promise and takes many steps', async (t) => {
  const steps = await run(whole);
  t.ok(steps > 120, `${steps} steps`);
});

for (const { by, survives } of [
  { by: 'power-loss', survives: 0 },
  { by: 'power-loss', survives: 0.5 },
  { by: 'kill', survives: 1 },
  { by: 'host', survives: 0.5 },
  { by: 'courier', survives: 1 },
] as const) {
  const loss = by === 'courier' ? '' : `, of which ${100 * survives} % of the unsynced survive`;
  t.test(`cut off by ${by} behind each of its steps${loss}, it keeps every promise`, async (t) => {
    const wrong: string[] = [];
    const steps = await run(whole);
    for (let step = 0; step <= steps; step++) {
      await run({ step, by, survives }).catch((error: Error) => wrong.push(`step ${step}: ${error.message}`));
    }
    t.same(wrong.slice(0, 3), []);
  });
}
