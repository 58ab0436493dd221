/** What a node answers to another one for its hosts. */
import t from 'tap';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { PeerRelay } from '../../engine/cluster/peer-relay.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { sheafEventsMax } from '../../engine/kernel/limits.js';
import type { ForwardedSheaf } from '../../engine/router/host-link.js';

t.test('two full sheaves that follow each other are answered each for itself', async (t) => {
  const forwarded: ForwardedSheaf[] = [];
  const answers: HostReply[] = [];
  const answered = new Promise<void>((resolve) => {
    const relay = new PeerRelay({
      linkOf: () => ({ askFor: () => undefined, forward: (sheaf) => void forwarded.push(sheaf) }),
      answer: (replies) => {
        answers.push(...replies);
        resolve();
      },
    });
    const sheaf = (request: number): HostRequest => ({
      op: 'schedule-sheaf',
      request,
      partition: 0 as PartitionId,
      count: sheafEventsMax,
      events: new Uint8Array(sheafEventsMax),
    });
    relay.ask([sheaf(sheafEventsMax), sheaf(2 * sheafEventsMax)]);
  });
  for (const { sheaf } of forwarded) sheaf.accepted(0, sheafEventsMax);
  await answered;
  t.same(answers, [
    { op: 'accepted', request: sheafEventsMax, count: sheafEventsMax },
    { op: 'accepted', request: 2 * sheafEventsMax, count: sheafEventsMax },
  ]);
});
