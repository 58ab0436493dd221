import t from 'tap';
import type { StatusFilter } from '../../engine/status/filter.js';
import type { StatusHub, Subscription } from '../../engine/status/status-hub.js';
import type { StatusBatch, StatusListener } from '../../engine/status/subscriber.js';
import { MarkedStream } from '../../engine/status/marked-stream.js';

const all: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };

function setup() {
  const asked: (string | null)[] = [];
  let tell: StatusListener = () => true;
  const hub: Pick<StatusHub, 'subscribe'> = {
    subscribe: async (_filter, listener, cursor) => {
      asked.push(cursor);
      tell = listener;
      const subscription: Subscription = {
        cursor: 'AQ',
        place: () => 'BQ',
        behind: () => 7,
        resume: () => undefined,
        close: () => undefined,
      };
      return subscription;
    },
  };
  const heard: StatusBatch[] = [];
  const streamOf = (id: string) => new MarkedStream({ hub, id });
  const listen = (id: string, cursor: string | null) => streamOf(id).subscribe(all, (batch) => heard.push(batch) > 0, cursor);
  return { asked, heard, listen, tell: (batch: StatusBatch) => tell(batch) };
}

t.test('every cursor that leaves is marked, and comes back without its mark', async (t) => {
  const { asked, heard, listen, tell } = setup();
  const subscription = await listen('abc123', null);
  t.equal(subscription.cursor, 'abc123AQ');
  t.equal(subscription.place(), 'abc123BQ');
  t.equal(subscription.behind(), 7);
  tell({ cursor: 'CQ', items: [], gapFrom: 'AQ' });
  tell({ cursor: 'DQ', items: [], gapFrom: null });
  t.same(heard, [
    { cursor: 'abc123CQ', items: [], gapFrom: 'abc123AQ' },
    { cursor: 'abc123DQ', items: [], gapFrom: null },
  ]);
  await listen('abc123', 'abc123DQ');
  t.same(asked, [null, 'DQ']);
});

t.test('a cursor of another stream is refused', async (t) => {
  const { asked, listen } = setup();
  for (const cursor of ['xyz789DQ', 'DQ', '', 'abc12']) {
    await t.rejects(listen('abc123', cursor), { code: 'invalid', message: /not one of this stream/ }, cursor);
  }
  t.same(asked, []);
});
