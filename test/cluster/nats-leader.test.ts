/**
 * Three nats-servers, of which the one that leads is killed: under load, while sessions are decided about, and while an heir claims what a killed node has left (P12). Nothing
 * that was acknowledged is lost, and each epoch has one owner.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { sessionStream } from '../../engine/cluster/membership/buckets.js';
import { logStreamOf } from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import { connectNats, type NatsServer, needsNats, startNatsCluster } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { auditMarkers, type MarkerAudit } from './marker-audit.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

t.setTimeout(175_000);

const engines = ['a', 'b'];
const streams = 4;

t.test(
  'the leader of the logs and of the sessions is killed under load and during claims',
  { ...needsNats, timeout: 170_000 },
  async (t) => {
    const servers = await startNatsCluster(t);
    const cluster = await startCluster(t, { nats: servers, nodes: [], engines, gateways: ['g'], partitions: streams });
    const connection = await connectNats(t, servers[0]!.url);
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'led' });

    async function leaderOf(stream: string): Promise<NatsServer> {
      const name = await until(
        `${stream} has a leader`,
        async () => {
          const manager = await jetstreamManager(connection, { timeout: 1_000 }).catch(() => null);
          const info = await manager?.streams.info(stream).catch(() => null);
          return info?.cluster?.leader;
        },
        20_000,
      );
      return servers[Number(name.slice(1)) - 1]!;
    }
    async function lose(stream: string): Promise<void> {
      const server = await leaderOf(stream);
      await load.beside(async () => {
        await server.kill();
        await until(`${stream} has another leader`, async () => (await leaderOf(stream)) !== server, 20_000);
      });
      await server.restart();
    }

    await pause(1_000);
    await lose(logStreamOf(0 as PartitionId, streams));
    await cluster.shared(engines, 40_000);
    await lose(sessionStream);
    await cluster.shared(engines, 40_000);

    const before = await cluster.view();
    const lost = before.partitions.filter(({ owner }) => owner === 'a').map(({ partition }) => partition as PartitionId);
    t.ok(lost.length > 0);
    await cluster.kill('a');
    // The first claim is on its way to the others when who has taken it is gone.
    const leader = await leaderOf(logStreamOf(lost.at(-1)!, streams));
    const claim = connection.subscribe('escapement.p.*.o', { max: 1 });
    await load.beside(async () => {
      for await (const _ of claim) await leader.kill();
      await cluster.shared(['b'], 60_000);
    });
    await leader.restart();

    await load.stop();
    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(came), [], 'each came under one id');
    t.comment(
      `${came.size} accepted, ${load.kept} kept, ${load.putOff} put off, of ${load.unknown} nobody knew, ${repeats(came)} came twice`,
    );
    // The server that was started again may be the one that is asked, and not have heard of all yet.
    const isTaken = ({ markers }: MarkerAudit): boolean =>
      lost.every((partition) => markers.get(partition)!.at(-1)!.epoch > before.partitions[partition]!.epoch);
    const { faults } = await until(
      'the logs say that all has been taken over',
      async () => {
        const audit = await auditMarkers(connection, { streams }).catch(() => null);
        return audit !== null && isTaken(audit) && audit;
      },
      20_000,
    );
    t.same(faults, []);
  },
);
