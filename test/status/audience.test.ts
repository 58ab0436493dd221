import t from 'tap';
import type { StatusChange } from '../../engine/event/status-change.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { Audience } from '../../engine/status/audience.js';
import { change, everything, newEventId } from './status-changes.js';

/** What each member has heard, by the member's name. */
function heardBy(audience: Audience<string>): Record<string, StatusChange[]> {
  const heard: Record<string, StatusChange[]> = {};
  for (const [group, items] of audience.take()) for (const member of group.members) heard[member] = [...items];
  return heard;
}

t.test('members with equal filters share one list', async (t) => {
  const audience = new Audience<string>();
  audience.add({ ...everything, source: ['a', 'b'] }, 'one');
  audience.add({ ...everything, source: ['b', 'a'] }, 'two');
  audience.hear(change(0, 1, { source: 'a' }));
  const taken = audience.take();
  t.equal(taken.length, 1);
  t.same([...taken[0]![0].members], ['one', 'two']);
});

t.test('what was heard is taken once and in order', async (t) => {
  const audience = new Audience<string>();
  audience.add(everything, 'all');
  const changes = [change(0, 1), change(1, 1), change(0, 2)];
  for (const one of changes) audience.hear(one);
  t.same(heardBy(audience), { all: changes });
  t.same(heardBy(audience), {});
  audience.hear(changes[0]!);
  t.same(heardBy(audience), { all: [changes[0]] });
});

t.test('a filter with several ids hears a change once', async (t) => {
  const audience = new Audience<string>();
  const event = newEventId();
  const id = formatEventId(event);
  const one = change(0, 1, { event, externalJobId: 'job' });
  audience.add(
    { ...everything, eventId: [id, id.toUpperCase(), formatEventId(newEventId())], externalJobId: ['job', 'other'] },
    'both',
  );
  audience.add({ ...everything, externalJobId: ['job', 'other'] }, 'external');
  audience.add({ ...everything, externalJobId: ['other'] }, 'other');
  audience.hear(one);
  t.same(heardBy(audience), { both: [one], external: [one] });
});

t.test('a filter that names an id still asks for its other conditions', async (t) => {
  const audience = new Audience<string>();
  const event = newEventId();
  audience.add({ ...everything, eventId: [formatEventId(event)], status: ['DEAD'] }, 'dead');
  const dead = change(0, 2, { event, status: 'DEAD' });
  audience.hear(change(0, 1, { event }));
  audience.hear(dead);
  t.same(heardBy(audience), { dead: [dead] });
});

t.test('a filter that names ids is not asked about other events', async (t) => {
  const audience = new Audience<string>();
  let asked = 0;
  for (let member = 0; member < 1_000; member++) {
    audience.add({ ...everything, eventId: [formatEventId(newEventId())], source: ['a', 'b'] }, `${member}`);
  }
  const other = { ...change(0, 1) };
  Object.defineProperty(other, 'source', { get: () => asked++ });
  audience.hear(other);
  t.equal(asked, 0);
});

t.test('who has left hears nothing more, and the others go on', async (t) => {
  const audience = new Audience<string>();
  const event = newEventId();
  const filters = [
    everything,
    { ...everything, eventId: [formatEventId(event)] },
    { ...everything, externalJobId: ['job', 'job-2'] },
  ];
  for (const filter of filters) {
    audience.add(filter, 'stays');
    audience.add(filter, 'leaves');
    audience.remove(filter, 'leaves');
    audience.remove(filter, 'was never here');
  }
  audience.hear(change(0, 1, { event, externalJobId: 'job' }));
  const taken = audience.take();
  t.equal(taken.length, 3);
  for (const [group] of taken) t.same([...group.members], ['stays']);
  for (const filter of filters) audience.remove(filter, 'stays');
  audience.hear(change(0, 2, { event, externalJobId: 'job' }));
  t.same(audience.take(), []);
});
