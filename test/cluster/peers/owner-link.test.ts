import t from 'tap';
import { OwnerLink, OwnerLoad } from '../../../engine/cluster/peers/owner-link.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { EngineError } from '../../../engine/kernel/errors.js';
import { mintEventIdIn } from '../../../engine/kernel/event-id.js';
import { mailboxBytesMax, ownerWaitMsMax } from '../../../engine/kernel/limits.js';
import { ScheduledEvents } from '../../../engine/router/scheduled-events.js';
import { newId } from '../../actor/host-fixture.js';
import { within } from '../../support/deadline.js';

const partition = 1 as PartitionId;
const body = new Uint8Array(100).fill(7);

function setup() {
  const keep = () => Promise.resolve('not-stored' as const);
  const clock = { nowMs: 0 };
  const parts = { partition, owner: () => null, keep, monoMs: () => clock.nowMs };
  const link = new OwnerLink(parts, new OwnerLoad());
  const schedule = (): Promise<ScheduledEvents> =>
    new Promise((resolve) => {
      const events = new ScheduledEvents({ count: 1, partitions: 4, asked: { wantsViews: true, settled: resolve } });
      const createdAtMs = Date.now() as never;
      mintEventIdIn(events.ids, 0, { slot: partition as never, now: createdAtMs });
      const asked = {
        ids: events.ids,
        idAt: 0,
        room: { bytes: Buffer.from(body) },
        bodyAt: 0,
        bodyEnd: body.length,
        createdAtMs,
      };
      link.schedule({ partition, asker: events, place: 0, ...asked });
    });
  return { clock, link, schedule };
}

const codeOf = (events: ScheduledEvents) => {
  const other = events.otherAt(0);
  return other instanceof EngineError ? other.code : other;
};

t.test('what waits for an owner is bounded by its bytes as well', async (t) => {
  const { link } = setup();
  const large = new Uint8Array(mailboxBytesMax / 4);
  const refused: string[] = [];
  for (let count = 0; count < 6; count++) {
    const asker = { answered: () => undefined, refused: ({ code }: EngineError) => void refused.push(code) };
    link.askFor(asker, { op: 'put', partition, event: newId(), body: large });
  }
  t.same(refused, ['overloaded', 'overloaded']);
});

t.test('whatever waits for an owner is answered when there will be none', async (t) => {
  const { link, schedule } = setup();
  const read = link.ask({ op: 'get', partition, event: newId() });
  const gathered = schedule();
  link.close(new EngineError('stopping', 'the engine is shutting down'));
  link.end();
  await t.rejects(within('the read is refused', read), { code: 'stopping' });
  t.equal(codeOf(await within('the event is refused', gathered)), 'stopping');
});

t.test('what is asked of a partition that nobody has waits its time, and is refused then', async (t) => {
  const { clock, link } = setup();
  let isRefused = false;
  const read = link.ask({ op: 'get', partition, event: newId() }).finally(() => {
    isRefused = true;
  });
  read.catch(() => undefined);
  clock.nowMs = ownerWaitMsMax;
  link.tick();
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(isRefused, 'an owner may come yet');
  clock.nowMs += 1_000;
  link.tick();
  await t.rejects(within('it is refused', read), { code: 'partition-unavailable' });
});
