import t from 'tap';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { compileFilter, filterKey, type StatusFilter } from '../../engine/status/filter.js';
import { change, everything, newEventId } from './status-changes.js';

t.test('a filter without conditions lets everything through', async (t) => {
  t.ok(compileFilter(everything)(change(0, 1)));
});

t.test('any value of a list may match', async (t) => {
  const matches = compileFilter({ ...everything, status: ['DEAD', 'EXPIRED'] });
  t.ok(matches(change(0, 1, { status: 'DEAD' })));
  t.ok(matches(change(0, 1, { status: 'EXPIRED' })));
  t.notOk(matches(change(0, 1, { status: 'DELIVERED' })));
});

t.test('all conditions must hold', async (t) => {
  const event = newEventId();
  const right = { event, source: 'shop', type: 'order', externalJobId: 'job-1', status: 'DEAD' } as const;
  const matches = compileFilter({
    status: ['DEAD'],
    source: ['shop'],
    type: ['order'],
    eventId: [formatEventId(event)],
    externalJobId: ['job-1'],
  });
  t.ok(matches(change(0, 1, right)));
  t.notOk(matches(change(0, 1, { ...right, status: 'RETRYING' })));
  t.notOk(matches(change(0, 1, { ...right, source: 'other' })));
  t.notOk(matches(change(0, 1, { ...right, type: 'other' })));
  t.notOk(matches(change(0, 1, { ...right, event: newEventId() })));
  t.notOk(matches(change(0, 1, { ...right, externalJobId: 'job-2' })));
});

t.test('an event without a type or an external id matches no list of them', async (t) => {
  t.notOk(compileFilter({ ...everything, type: ['null', ''] })(change(0, 1, { type: null })));
  t.notOk(compileFilter({ ...everything, externalJobId: ['null'] })(change(0, 1, { externalJobId: null })));
});

t.test('an event id is found in upper case too, and a text that is no id matches nothing', async (t) => {
  const event = newEventId();
  const one = change(0, 1, { event });
  t.ok(compileFilter({ ...everything, eventId: [formatEventId(event).toUpperCase()] })(one));
  t.notOk(compileFilter({ ...everything, eventId: ['not-an-id'] })(one));
});

t.test('a list without values matches nothing', async (t) => {
  t.notOk(compileFilter({ ...everything, source: [] })(change(0, 1)));
});

t.test('filters that let the same through have the same key, others do not', async (t) => {
  const filter: StatusFilter = { ...everything, source: ['a', 'b'], status: ['DEAD'] };
  t.equal(filterKey({ ...filter, source: ['b', 'a', 'b'] }), filterKey(filter));
  t.equal(filterKey({ ...everything, eventId: ['AB'] }), filterKey({ ...everything, eventId: ['ab'] }));
  const others: StatusFilter[] = [
    everything,
    { ...everything, source: [] },
    { ...everything, source: ['a'] },
    { ...everything, type: ['a'] },
    { ...everything, externalJobId: ['a'] },
    { ...everything, source: ['a,b'] },
    { ...everything, source: ['a', 'b'] },
  ];
  t.equal(new Set(others.map(filterKey)).size, others.length);
});
