/**
 * `npm run torture -- --rounds N [--seed S] [--minutes M] [--rate R] [--stalls]`: one server, killed as often as you have patience for.
 * `npm run torture -- --cluster --minutes M [--seed S] [--rate R] [--nats 1|3] [--logs DIR] [--stalls]`: a cluster, with every fault that it must outlive.
 *
 * With `--stalls` threads of servers stand still now and then (`stalls.ts`), as they do on a machine that others keep busy.
 *
 * Prints a line for each round and a verdict with figures. Exit code 1 if any promise was broken. A seed fixes what is asked for and what is done when, not
 * how the machine interleaves it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { startNats, startNatsCluster } from '../support/nats-server.js';
import { shippedFlags } from '../support/server.js';
import { tortureCluster } from './cluster-torture.js';
import { torture } from './torture.js';

const violationsShown = 20;
const violationCharsMax = 2_000;
/** The contract of the project. */
const takeoverMsMax = sessionTtlMs + 3_000;

const { values } = parseArgs({
  options: {
    cluster: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '0' },
    rate: { type: 'string' },
    nats: { type: 'string', default: '1' },
    logs: { type: 'string' },
    stalls: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const endAtMs = Date.now() + Number(values.minutes) * 60_000;
const rounds = Number(values.rounds ?? (values.cluster ? 1 : 20));
const common = {
  seed,
  more: (round: number) => round < rounds || Date.now() < endAtMs,
  report: (line: string) => console.log(line),
};

const { violations, figures } = await (values.cluster ? ofCluster() : ofServer());
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations.slice(0, violationsShown)) console.log(`BROKEN: ${violation.slice(0, violationCharsMax)}`);
if (violations.length === 0) {
  console.log('every promise was kept');
} else {
  console.log(`${violations.length} broken promises; seed ${seed}`);
  process.exitCode = 1;
}

function nodeFlags(): { readonly nodeFlags: readonly string[] } {
  if (!values.stalls) return { nodeFlags: shippedFlags };
  return { nodeFlags: [...shippedFlags, '--import', new URL('./stalls.js', import.meta.url).href] };
}

/** The data directory of a server that has broken a promise stays where it is. */
async function ofServer() {
  const dataDir = mkdtempSync(join(tmpdir(), 'escapement-torture-'));
  console.log(`seed ${seed}, data in ${dataDir}`);
  const load = { eventsPerSecond: Number(values.rate ?? 800), loadMs: [200, 3_000] } as const;
  const result = await torture({ ...common, ...load, dataDir, server: nodeFlags() });
  if (result.violations.length === 0) rmSync(dataDir, { recursive: true });
  return result;
}

async function ofCluster() {
  console.log(`seed ${seed}, ${values.nats} nats-server`);
  const teardowns: (() => unknown)[] = [];
  const owner = { teardown: (done: () => unknown) => void teardowns.push(done) };
  try {
    const nats = values.nats === '3' ? await startNatsCluster(owner, { tellsClients: false }) : [await startNats(owner)];
    const logDir = values.logs === undefined ? {} : { logDir: values.logs };
    if (values.logs !== undefined) mkdirSync(values.logs, { recursive: true });
    const eventsPerSecond = Number(values.rate ?? 150);
    const size = { eventsPerSecond, partitions: 12, followers: 4 };
    return await tortureCluster({ ...common, ...logDir, ...size, ...nodeFlags(), nats, takeoverMsMax });
  } finally {
    for (const done of teardowns.reverse()) await done();
  }
}
