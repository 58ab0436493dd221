/** F11, P2: an owner that is stopped for three times its time to live, while another takes over, starts nothing when it wakes up. */
import t from 'tap';
import { ClusterNode } from '../../engine/cluster/cluster-node.js';
import { LeaseBoard, machineNow } from '../../engine/kernel/lease-board.js';
import { createLogger } from '../../engine/observe/logger.js';
import { pause, until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { Program } from '../support/process.js';
import { clusterTimes, linkTo, nodeShape, setUpCluster } from './cluster-fixture.js';
import { auditMarkers } from './marker-audit.js';
import { OwnerRegistry, StandInHosts } from './stand-in-hosts.js';

interface Act {
  readonly session: string;
  readonly partitions: number;
  readonly at: number;
}

function actsOf({ stdout }: Program): readonly Act[] {
  return stdout.flatMap((line) => {
    const [word, session, partitions, at] = line.split(' ');
    return word === 'act' ? [{ session: session!, partitions: Number(partitions), at: Number(at) }] : [];
  });
}

t.test('a process that was stopped for three times to live finds its lease over', needsNats, async (t) => {
  const { nats, connection } = await setUpCluster(t, nodeShape);
  const child = new Program({ script: new URL('member-process.js', import.meta.url), args: [nats.url, 'frozen'] });
  t.teardown(() => child.kill());
  const link = await linkTo(t, nats);
  const board = LeaseBoard.create(0);
  const hosts = new StandInHosts('heir', { board, registry: new OwnerRegistry() });
  const self = { node: 'heir', address: 'x', weight: 1, version: '0', startedAt: Date.now() };
  const logger = createLogger({ level: 'silent', format: 'json' });
  const heir = new ClusterNode({ link, board, self, shape: nodeShape, hands: hosts, logger, times: clusterTimes });
  hosts.node = heir;
  t.teardown(() => heir.stop(0));
  const half = nodeShape.partitions / 2;
  await until('both serve their half', () => hosts.serving.size === half && actsOf(child).at(-1)?.partitions === half, 20_000);

  child.signal('SIGSTOP');
  const stoppedAt = machineNow();
  await until('the heir has it all', () => hosts.serving.size === nodeShape.partitions, 20_000);
  const takenAfter = machineNow() - stoppedAt;
  t.ok(
    takenAfter >= clusterTimes.ttlMs - clusterTimes.renewMs - clusterTimes.settledMs,
    `taken over after ${Math.round(takenAfter)} ms`,
  );
  await pause(Math.max(0, 3 * clusterTimes.ttlMs - takenAfter));
  const before = actsOf(child).at(-1)!.session;
  const wokenAt = machineNow();
  child.signal('SIGCONT');
  await until(
    'it has a new session, and its half again',
    () => {
      const last = actsOf(child).at(-1)!;
      return last.session !== before && last.partitions === half;
    },
    20_000,
  );
  // What it had written when it was stopped may be read only now; when it was made is in it.
  const late = actsOf(child).filter(({ session, at }) => session === before && at >= wokenAt);
  t.same(late, [], 'nothing was started with the old session');
  t.same((await auditMarkers(connection, nodeShape)).faults, []);
});
