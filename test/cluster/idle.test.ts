/**
 * A cluster that has nothing to do hardly says a word: what its nodes say is counted by subject, and how often an engine wakes up. Neither depends on how
 * busy the machine is. With two engines and two gateways, when this was written: 21 messages and 33 wake-ups a second; when nodes
 * pulsed each other and themselves each second, asked each stream twice a second, and had their timers apart, 54 and 77.
 */
import root from 'tap';
import { peerRestPulseMs } from '../../engine/kernel/limits.js';
import { pause, until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { engines, gateways, sharedCluster } from '../support/shared-cluster.js';
import { sleepsOf } from '../support/sleeps.js';

root.setTimeout(120_000);

const nodes = engines.length + gateways.length;
/** Long enough for two pulses of each pair. */
const lookMs = 2 * peerRestPulseMs;
const wakeUpsPerSecondMax = 60;

type Counts = Record<keyof typeof kinds, number>;

/** By how their subjects begin. */
const kinds = {
  status: 'escapement.status.',
  pulses: 'escapement.n.',
  reports: 'escapement.cluster.report.',
  totals: 'escapement.cluster.totals.',
  renewals: '$KV.ESCAPEMENT_SESSIONS.',
  looks: '$JS.API.STREAM.INFO.',
  reads: '$JS.API.STREAM.MSG.GET.',
} as const;

root.test('a cluster with nothing to do hardly says a word, and hardly wakes up', needsNats, async (t) => {
  const { cluster, users } = await sharedCluster(root);
  const connection = await users.connect('operator');
  const counts = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, 0])) as Counts;
  const toThemselves = new Set<string>();
  for (const pattern of ['escapement.>', '$KV.>', '$JS.API.>']) {
    connection.subscribe(pattern, {
      callback: (_, { subject }) => {
        for (const [kind, beginning] of Object.entries(kinds)) if (subject.startsWith(beginning)) counts[kind as keyof Counts]++;
        const [, , to, from] = subject.split('.');
        if (subject.startsWith(kinds.pulses) && to === from) toThemselves.add(subject);
      },
    });
  }
  await connection.flush();
  const [engine] = engines;
  const { pid } = cluster.node(engine);
  const countFor = async (ms: number) => {
    for (const kind of Object.keys(counts)) counts[kind as keyof Counts] = 0;
    const [since, sleptBefore] = [performance.now(), process.platform === 'linux' ? sleepsOf(pid) : 0];
    await pause(ms);
    const seconds = (performance.now() - since) / 1_000;
    const wakeUps = process.platform === 'linux' ? (sleepsOf(pid) - sleptBefore) / seconds : 0;
    const perSecond = Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, count / seconds])) as Counts;
    return { perSecond, wakeUps };
  };
  // Of each pair both ends pulse, and are answered.
  const pulsesMax = (1.5 * (2 * nodes * (nodes - 1) * 1_000)) / peerRestPulseMs;
  const { perSecond, wakeUps } = await until(
    'it is at rest',
    async () => {
      const counted = await countFor(lookMs);
      const { pulses, looks, reads } = counted.perSecond;
      const isAtRest = pulses < pulsesMax && looks < 2.5 * engines.length && reads < 1;
      return isAtRest && counted.wakeUps < wakeUpsPerSecondMax && counted;
    },
    60_000,
  );
  t.comment(JSON.stringify({ ...perSecond, wakeUps }));
  t.same([...toThemselves], [], 'nobody writes to itself');
  t.ok(perSecond.pulses > 0 && perSecond.looks > 0, 'they are heard');
  t.ok(
    perSecond.status < 1.2 * cluster.partitions && perSecond.status > 0.7 * cluster.partitions,
    'each partition is told of once a second',
  );
  t.ok(perSecond.renewals < 0.75 * nodes && perSecond.renewals > 0.3 * nodes, 'sessions are renewed every two seconds');
  t.ok(perSecond.reports < 1.3 * engines.length, 'a gateway has nothing to report');
  t.ok(perSecond.totals < 1.5 * engines.length, 'figures that are the same are told once a second');
});
