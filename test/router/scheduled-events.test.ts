import t from 'tap';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import { EngineError, InvariantError } from '../../engine/kernel/errors.js';
import { decodeMessages } from '../../engine/kernel/message-codec.js';
import { HostLink } from '../../engine/router/host-link.js';
import { type NewEvent, Router } from '../../engine/router/router.js';
import { newEventsOf } from '../actor/sheaves.js';
import { specOf } from '../event/specs.js';

/** A router whose one host is played by the test. */
function setup() {
  const sent: HostRequest[][] = [];
  const link = new HostLink((bytes) => sent.push(decodeMessages<HostRequest>(bytes)));
  const router = new Router({ partitions: 4, linkOf: () => link });
  return {
    router,
    /** Requests that left in one pass of the event loop. */
    async requests() {
      await new Promise(setImmediate);
      const [batch = []] = sent.splice(0);
      return newEventsOf(batch).sort((one, other) => placeOf(one) - placeOf(other));
    },
    answer: (...replies: HostReply[]) => link.answered(replies),
  };
}

/** As they were asked for: `a` before `b`. */
function placeOf({ body }: { readonly body: Uint8Array }): number {
  return decodeSpec(body).description?.charCodeAt(0) ?? 0;
}

function newEvent(spec: Partial<EventSpec> = {}): NewEvent {
  return { timeGiven: true, spec: specOf(spec) };
}

t.test('events that are scheduled together travel together and are answered each in its place', async (t) => {
  const { router, requests, answer } = setup();
  const results = router.scheduleBatch(['a', 'b', 'c'].map((description) => newEvent({ description })));
  const asked = await requests();
  const bodies = asked.map(({ body }) => decodeSpec(body).description);
  t.same(bodies, ['a', 'b', 'c']);
  const [first, second, third] = asked.map(({ request }) => request) as [number, number, number];
  answer({ op: 'accepted', request: third, count: 1 });
  answer({ op: 'refused', request: second, code: 'disk-full', detail: 'full', event: null, status: null });
  answer({ op: 'accepted', request: first, count: 1 });
  const [one, two, three] = await results;
  t.match(one, { replayed: false, id: String });
  t.match(two, { code: 'disk-full' });
  t.ok(two instanceof EngineError);
  t.match(three, { replayed: false, id: String });
  t.not((one as { id: string }).id, (three as { id: string }).id);
});

t.test('a batch of nothing is answered at once', async (t) => {
  t.same(await setup().router.scheduleBatch([]), []);
});

t.test('a single event that is refused rejects', async (t) => {
  const { router, requests, answer } = setup();
  const scheduled = router.schedule(newEvent());
  const [asked] = await requests();
  answer({ op: 'refused', request: asked!.request, code: 'disk-full', detail: 'full', event: null, status: null });
  await t.rejects(scheduled, { code: 'disk-full' });
});

t.test('an answer that no new event can get is a bug and not a result', async (t) => {
  const { router, requests, answer } = setup();
  const scheduled = router.scheduleBatch([newEvent(), newEvent()]);
  const [asked, other] = await requests();
  answer({ op: 'history', request: asked!.request, entries: [] }, { op: 'accepted', request: other!.request, count: 1 });
  await t.rejects(scheduled, InvariantError);
});
