/**
 * Four of six owners fall silent at once, and the others take over: one process is stopped for three times to live (F11, P2), of one the threads that have the partitions stand
 * still for two, while all else of it goes on (F12), one no longer hears NATS, though what it
 * says goes on arriving there, and for one everything comes and goes so late that no answer counts any more (F13). None of them starts anything behind its lease, nor when it wakes up; what was acknowledged is delivered, and nothing that is finished changes.
 */
import root from 'tap';
import { leaseMarginMs, sessionTtlMs } from '../../engine/kernel/limits.js';
import type { ClusterAnswer } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import type { EventAnswer } from '../support/http.js';
import { connectNats, needsNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { auditMarkers } from './marker-audit.js';
import { engines, partitions, pausable as hung, senderOf, sixOwners } from './six-owners.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

root.setTimeout(170_000);

const [frozen, deaf, late] = ['a', 'c', 'd'] as const;
const silent: readonly string[] = [frozen, hung, deaf, late];
const heirs = engines.filter((name) => !silent.includes(name));
/** Longer than anybody waits for an answer. */
const lateMs = 5_000;
/** The contract of the project, on top of the time to live. */
const takeoverMsMax = 3_000;

function owned({ partitions }: ClusterAnswer, by: string) {
  return partitions.filter(({ owner }) => owner === by);
}

root.test(
  'an owner that is stopped, one whose threads hang, one that is deaf and one for which all comes late start nothing behind their leases',
  { ...needsNats, timeout: 160_000 },
  async (t) => {
    const { cluster, nats, ways } = await sixOwners(root);
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'cut' });
    const before = await cluster.view();
    for (const name of silent) t.ok(owned(before, name).length > 0, `${name} owns something`);

    // What falls due while they are away is in their wheels: whoever wakes up finds it overdue.
    const from = Date.now() + 3_000;
    const spanMs = 3 * sessionTtlMs + 4_000;
    const ahead = Array.from({ length: 120 }, (_, n) => from + (n * spanMs) / 120);
    for (let at = 0; at < ahead.length; at += 24)
      await Promise.all(ahead.slice(at, at + 24).map((dueAtMs) => load.schedule(dueAtMs)));
    await pause(from - Date.now());

    const awayAt = Date.now();
    cluster.node(frozen).signal('SIGSTOP');
    cluster.node(hung).signal('SIGUSR2');
    ways[deaf].hold('down');
    ways[late].delay(lateMs);
    const taken = await load
      .beside(() => cluster.shared(heirs, 60_000))
      .catch((error: unknown) => {
        throw new Error('the heirs have not taken over', { cause: error });
      });
    for (const { partition, epoch, last_takeover_ms } of owned(before, frozen).map(
      ({ partition }) => taken.partitions[partition]!,
    )) {
      t.ok(epoch > before.partitions[partition]!.epoch, `partition ${partition} has another owner`);
      t.ok(last_takeover_ms! <= sessionTtlMs + takeoverMsMax, `and was served again after ${last_takeover_ms} ms`);
    }
    for (const name of [hung, deaf, late]) {
      const out = await cluster.node(name).client.get<{ status: string }>('/health');
      t.match(out.body, { status: 'recovering', components: [] }, `${name}, which is cut off, knows it`);
    }

    await pause(awayAt + 2 * sessionTtlMs - Date.now());
    ways[deaf].flow();
    ways[late].flow();
    await pause(awayAt + 3 * sessionTtlMs - Date.now());
    await load.stop();
    const finished = await deliveredSoFar(cluster.client);
    const wokenAt = Date.now();
    cluster.node(frozen).signal('SIGCONT');
    await cluster.shared(engines, 60_000);
    await until('it says that it was out', () =>
      cluster
        .node(frozen)
        .logs()
        .some(({ msg }) => /no longer in the cluster/.test(String(msg))),
    );

    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(came), [], 'each came under one id');
    // Each acts under a lease that counts from before it fell silent.
    const leasesOver = awayAt + sessionTtlMs - leaseMarginMs;
    const behind = new Map([...came].filter(([, { dueAtMs }]) => dueAtMs > leasesOver));
    t.equal(repeats(behind), 0, `each of ${behind.size} that fell due behind the leases came once`);
    const again = [...came.values()].filter(({ arrivedAtMs }) => arrivedAtMs.length > 1 && arrivedAtMs.at(-1)! >= wokenAt);
    const arrivals = again.flatMap(({ ids }) => receiver.at('/cut').filter(({ id }) => ids.has(id)));
    const told = arrivals.map(
      (arrival) => `${arrival.id} by ${senderOf(arrival)}, ${arrival.atMs - wokenAt} ms behind the waking up`,
    );
    t.same(told, [], 'nothing came again behind the waking up');
    t.same(
      changed(finished, await deliveredSoFar(cluster.client)),
      [],
      `of ${finished.size} that were finished nothing has changed`,
    );
    t.comment(
      `${came.size} accepted, ${load.kept} of them kept, ${load.putOff} put off, of ${load.unknown} nobody knew, ${repeats(came)} came twice`,
    );
    const { faults, markers } = await auditMarkers(await connectNats(t, nats.url), { streams: 4 });
    t.same(faults, []);
    t.equal(markers.size, partitions);
  },
);

/** Version and end of each event that is delivered, by id. */
async function deliveredSoFar(client: {
  get<Body>(path: string): Promise<{ readonly body: Body }>;
}): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let path: string | null = '/api/v1/events?source=cut&status=DELIVERED&limit=500';
  while (path !== null) {
    const { body }: { body: { data: EventAnswer[]; has_more: boolean; next_cursor: string | null } } = await client.get(path);
    for (const { id, version, attempts, finished_at } of body.data) found.set(id, `${version} ${attempts} ${finished_at}`);
    path = body.has_more ? `/api/v1/events?source=cut&status=DELIVERED&limit=500&cursor=${body.next_cursor}` : null;
  }
  return found;
}

function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...before].filter(([id, how]) => after.get(id) !== how).map(([id, how]) => `${id}: ${how}, then ${after.get(id)}`);
}
