/**
 * Word that new events were kept for the owner of a partition: said by whoever has kept them, heard by all nodes, of which one serves it.
 *
 * Nothing rests on it, since an owner looks by itself as well: with it that need not be often. A plain message that nobody keeps.
 *
 * One of the files that know the client's packages. Main thread.
 */
import type { Subscription } from '@nats-io/transport-node';
import type { PartitionId } from '../../kernel/brand.js';
import type { NatsLink } from '../../nats/nats-link.js';

/** What nodes may publish and hear in any case. */
const subjectPrefix = 'escapement.cluster.kept.';

export function tellKept({ connection }: Pick<NatsLink, 'connection'>, partition: PartitionId): void {
  connection?.publish(`${subjectPrefix}${partition}`);
}

/** Until the result is called. */
export function hearKept(link: NatsLink, heard: (partition: PartitionId) => void): () => void {
  let subscription: Subscription | null = null;
  const unwatch = link.watch(({ isConnected }) => {
    // The client subscribes anew after a reconnect; after one that was closed there is another connection.
    if (!isConnected || subscription?.isClosed() === false) return;
    subscription = link.connection!.subscribe(`${subjectPrefix}*`, {
      callback: (error, { subject }) => {
        if (error === null) heard(Number(subject.slice(subjectPrefix.length)) as PartitionId);
      },
    });
  });
  return () => {
    unwatch();
    if (link.connection !== null) subscription?.unsubscribe();
  };
}
