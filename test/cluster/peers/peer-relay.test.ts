/** What a node answers to another one for its hosts. */
import t from 'tap';
import type { HostReply } from '../../../engine/actor/replies.js';
import type { HostRequest } from '../../../engine/actor/requests.js';
import { PeerRelay } from '../../../engine/cluster/peers/peer-relay.js';
import type { EventView } from '../../../engine/event/view.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { sheafEventsMax } from '../../../engine/kernel/limits.js';
import type { ForwardedSheaf } from '../../../engine/router/host-link.js';

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

t.test('who asks to be told no more hears the id and the status of an event that was there before', async (t) => {
  const answers: HostReply[] = [];
  const wanted: boolean[] = [];
  const view = { id: new Uint8Array(16), status: 'DELIVERED' } as EventView;
  await new Promise<void>((resolve) => {
    const relay = new PeerRelay({
      linkOf: () => ({
        askFor: () => undefined,
        forward: ({ sheaf }) => {
          wanted.push(sheaf.wantsViews);
          sheaf.replayed(0, view);
        },
      }),
      answer: (replies) => {
        answers.push(...replies);
        resolve();
      },
    });
    const sheaf = { op: 'schedule-sheaf', partition: 0 as PartitionId, count: 1, events: new Uint8Array(1) } as const;
    relay.ask([
      { ...sheaf, request: sheafEventsMax, brief: true },
      { ...sheaf, request: 2 * sheafEventsMax },
    ]);
  });
  t.same(wanted, [false, true]);
  t.same(answers, [
    { op: 'duplicate', request: sheafEventsMax, event: view.id, status: 'DELIVERED' },
    { op: 'replayed', request: 2 * sheafEventsMax, view },
  ]);
});
