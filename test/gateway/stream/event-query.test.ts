import t from 'tap';
import { isRefusal } from '../../../gateway/input/refusal.js';
import { readEventQuery } from '../../../gateway/stream/event-query.js';

const nothing = { status: null, source: null, type: null, eventId: null, externalJobId: null };

t.test('without a query everything is followed, from now on', async (t) => {
  t.strictSame(readEventQuery('', null), { filter: nothing, cursor: null });
  t.strictSame(readEventQuery('cursor=now&token=x', ''), { filter: nothing, cursor: null });
});

t.test('several values stand in one parameter, or in several', async (t) => {
  const query = 'status=DEAD,CANCELLED&status=EXPIRED&source=a&type=t.1,t.2&event_id=E&external_job_id=x,y&external_job_id=z%20z';
  t.strictSame(readEventQuery(query, null), {
    filter: {
      status: ['DEAD', 'CANCELLED', 'EXPIRED'],
      source: ['a'],
      type: ['t.1', 't.2'],
      eventId: ['E'],
      externalJobId: ['x,y', 'z z'],
    },
    cursor: null,
  });
});

t.test('whoever comes back goes on from what came last, not from where the address says', async (t) => {
  t.match(readEventQuery('cursor=first', null), { cursor: 'first' });
  t.match(readEventQuery('cursor=first', 'last'), { cursor: 'last' });
  t.match(readEventQuery('', 'last'), { cursor: 'last' });
});

t.test('what cannot be understood is refused', async (t) => {
  for (const query of [
    'statuses=DEAD',
    'status=dead',
    'status=',
    'source=a,,b',
    'cursor=a&cursor=b',
    `source=${Array.from({ length: 101 }, (_, n) => n).join()}`,
  ]) {
    const refusal = readEventQuery(query, null);
    t.ok(isRefusal(refusal) && refusal.code === 'invalid', query.slice(0, 30));
  }
});
