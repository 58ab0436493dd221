/**
 * Hand-offs that a kill cuts short at each of their steps (P4), while clients of the status stream look on: whoever is killed, each partition goes on with one owner for each epoch, nothing that
 * was acknowledged is lost, and a client that stays connected to a gateway is told every change exactly once.
 *
 *     SIGTERM -> attempts end -> release entry in the journal -> released marker -> the heir's claim -> the heir's opening -> served
 *              ^ killed here                 ^ here               ^ and here         ^ the heir, here   ^ and here
 */
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import root, { type Test } from 'tap';
import { sessionPattern } from '../../engine/cluster/membership/buckets.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { Follower } from '../crash/follower.js';
import type { Cluster } from '../support/cluster.js';
import { until, within } from '../support/deadline.js';
import { connectNats, needsNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { auditMarkers } from './marker-audit.js';
import { engines, partitions, sixOwners } from './six-owners.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

root.setTimeout(175_000);

/** In order, and killed meanwhile. */
const stopped = ['d', 'a', 'b'];
/** Their attempts take so long that no partition that has one can be released before. */
const occupying = { count: 24, answeredAfterMs: 4_000 };

/** Resolves with the first message that fits, as soon as NATS has it. */
async function seen(connection: NatsConnection, subject: string, fits: (message: Msg) => boolean): Promise<Msg> {
  const subscription = connection.subscribe(subject);
  const first = (async () => {
    for await (const message of subscription) if (fits(message)) return message;
    throw new Error('the connection was closed');
  })();
  await connection.flush();
  return within(`a message on ${subject}`, first, 30_000).finally(() => subscription.unsubscribe());
}

interface Marker {
  readonly epoch: number;
  readonly node: string;
  readonly released: boolean;
}

interface Retiring {
  readonly node: string;
  readonly weight: number;
}

/** Its session says that it takes nothing any more: it has begun to hand over. */
function isRetiring({ node, weight }: Retiring, name: string): boolean {
  return node === name && weight === 0;
}

const kindOf = ({ headers }: Msg): string => headers?.get('Escapement-Kind') ?? '';
const markerOf = (message: Msg): Marker => message.json<Marker>();
const partitionOf = (subject: string): string => subject.split('.')[2]!;

async function follow(t: Test, { cluster, kind }: { cluster: Cluster; kind: 'websocket' | 'events' }): Promise<Follower> {
  const url = (): string => cluster.node('g').url;
  const follower = new Follower({ name: kind, kind, source: 'cut-short', random: Math.random, url });
  // Its line stays, whatever becomes of those who have the events.
  follower.rest();
  t.teardown(() => follower.stop());
  await within('it follows', follower.start());
  return follower;
}

root.test(
  'a hand-off that is cut short loses nothing, and its changes are told once',
  { ...needsNats, timeout: 170_000 },
  async (t) => {
    const { cluster, nats } = await sixOwners(root);
    const connection = await connectNats(t, nats.url);
    const followers = [await follow(t, { cluster, kind: 'websocket' }), await follow(t, { cluster, kind: 'events' })];
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'cut-short' });
    const before = await cluster.view();
    /** By partition, who has claimed it last. */
    const claimants = new Map<string, string>();
    connection.subscribe('escapement.p.*.o', {
      callback: (_, message) => {
        claimants.set(partitionOf(message.subject), markerOf(message).node);
      },
    });

    // All in one go, as it takes a time to live until those that are left may take over.
    receiver.answer('/occupying', () => ({ delayMs: occupying.answeredAfterMs }));
    const occupied = await Promise.all(
      Array.from({ length: occupying.count }, async (_, n) => {
        const event = {
          source: 'occupying',
          // Without a name all would go to the partition whose turn it is.
          external_job_id: `occupying-${n}`,
          delay_ms: 0,
          destination: `${receiver.url}/occupying`,
        };
        // By an owner, who says which partition has it.
        const { body } = await until('it is accepted', async () => {
          const answer = await cluster.client.schedule(event);
          return answer.status < 202 && answer;
        });
        return Number(body['partition']);
      }),
    );
    await until('all their attempts are under way', () => receiver.at('/occupying').length === occupying.count);
    const held = before.partitions.filter(({ partition, owner }) => owner === 'd' && occupied.includes(partition));
    const { heir, opener, rivals } = await load.beside(async () => {
      const retires = (message: Msg): boolean => message.data.length > 0 && isRetiring(message.json<Retiring>(), 'd');
      const retiring = seen(connection, sessionPattern, retires);
      cluster.node('d').signal('SIGTERM');
      await retiring;
      await cluster.kill('d');
      const { markers: asKilled } = await auditMarkers(connection, { streams: 4 });
      t.ok(held.length > 0, `d was killed while attempts of ${held.length} partitions ran`);
      t.same(
        held.filter(({ partition }) => asKilled.get(partition as PartitionId)!.at(-1)!.released),
        [],
        'none of which it had released',
      );
      const released = seen(connection, 'escapement.p.*.j', (message) => kindOf(message) === 'release');
      cluster.node('a').signal('SIGTERM');
      await released;
      await cluster.kill('a');
      const isHeir = (message: Msg): boolean => !markerOf(message).released && !stopped.includes(markerOf(message).node);
      const given = seen(
        connection,
        'escapement.p.*.o',
        (message) => markerOf(message).node === 'b' && markerOf(message).released,
      );
      let isGiven = false;
      const claimed = seen(connection, 'escapement.p.*.o', (message) => {
        isGiven ||= markerOf(message).node === 'b' && markerOf(message).released;
        return isGiven && isHeir(message);
      });
      cluster.node('b').signal('SIGTERM');
      await given;
      const [, heir] = await Promise.all([cluster.kill('b'), claimed.then((claim) => markerOf(claim).node)]);
      const rivals = engines.filter((name) => !stopped.includes(name) && name !== heir);
      const isOpening = (message: Msg): boolean =>
        kindOf(message) === 'open' && rivals.includes(claimants.get(partitionOf(message.subject)) ?? heir);
      const opened = seen(connection, 'escapement.p.*.j', isOpening);
      await cluster.kill(heir);
      const opener = claimants.get(partitionOf((await opened).subject))!;
      await cluster.kill(opener);
      return { heir, opener, rivals };
    });
    const [left] = rivals.filter((name) => name !== opener);
    const taken = await cluster.shared([left!], 60_000);
    const unclaimed = before.partitions.filter(
      ({ partition, owner, epoch }) => owner !== left && taken.partitions[partition]!.epoch <= epoch,
    );
    t.same(unclaimed, [], `${left} has claimed all of those that had another owner`);
    const living = taken.nodes.filter(({ id, alive }) => alive && engines.includes(id)).map(({ id }) => id);
    t.same(living, [left], `${heir} was killed behind its claim, ${opener} behind an opening`);

    await load.stop();
    await until('what was under way at the first kill has come to its end', async () => {
      const { body } = await cluster.client.get<{ by_status: { DELIVERED: number } }>(
        '/api/v1/events/statistics?source=occupying',
      );
      return body.by_status.DELIVERED === occupying.count;
    });
    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(came), [], 'each came under one id');
    const { faults, markers } = await auditMarkers(connection, { streams: 4 });
    t.same(faults, []);
    t.equal(markers.size, partitions);

    for (const follower of followers) {
      await until('it has heard everything', () => {
        const ends = [...follower.told.values()].filter(({ status }) => status === 'DELIVERED');
        return ends.length === load.accepted.size || follower.complaints.length > 0;
      });
      t.same(follower.complaints, []);
      t.equal(follower.told.size, load.accepted.size, 'of every event');
      t.equal(follower.gaps, 0, 'and without a gap');
    }
    t.comment(
      `${came.size} accepted, ${load.kept} kept, ${load.putOff} put off, of ${load.unknown} nobody knew, ${repeats(came)} came twice`,
    );
  },
);
