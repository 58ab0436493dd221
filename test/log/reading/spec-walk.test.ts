import t from 'tap';
import { type EventFilter, everyEvent } from '../../../engine/event/event-filter.js';
import type { Sequence } from '../../../engine/kernel/brand.js';
import { Random } from '../../wheel/random.js';
import { Journal, partition, TestLog } from '../log-fixture.js';
import { damageIn } from '../stored-records.js';

const payload = Buffer.alloc(2_000, 1);

/** Events of two sources with other records between them, over several segments. */
function setup(t: ConstructorParameters<typeof TestLog>[0]) {
  const log = new TestLog(t, { segmentBytesMax: 200_000 });
  const journal = new Journal();
  const random = new Random(3);
  const events = Array.from({ length: 400 }, () => {
    const event = journal.accepted({ source: random.pick(['a', 'b']), payload });
    if (random.below(3) === 0) for (let more = random.below(9); more > 0; more--) journal.accepted({ source: 'other' });
    return event;
  });
  for (const record of journal.records) {
    log.append(record);
    if (record.seq % 100 === 0) log.tick();
  }
  const ask = (seqs: readonly Sequence[], source: string) =>
    log.ask({ op: 'match', tag: 1, partition, seqs, filter: { ...everyEvent, source: [source] } satisfies EventFilter });
  return { log, random, events, ask };
}

t.test('of any records that are asked for, those that match are named, in order', (t) => {
  const { random, events, ask } = setup(t);
  for (const share of [1, 2, 5, 40]) {
    const asked = events.filter(() => random.below(share) === 0);
    const seqs = asked.map(({ seq }) => seq);
    const isA = asked.map(({ body }) => (Buffer.from(body).includes(Buffer.from([0xa1, 0x61])) ? 1 : 0));
    const matches = ask(seqs, 'a');
    t.same(matches.op === 'matches' && [...matches.matches], isA);
  }
  t.end();
});

t.test('one that is damaged does not match, and hides no other', (t) => {
  const { log, events, ask } = setup(t);
  const seqs = events.slice(0, 60).map(({ seq }) => seq);
  const before = ask(seqs, 'a');
  const place = before.op === 'matches' ? before.matches.indexOf(1) : -1;
  damageIn(log, seqs[place]!);
  const after = ask(seqs, 'a');
  t.same(after.op === 'matches' && [...after.matches], before.op === 'matches' && [...before.matches].with(place, 0));
  t.end();
});

t.test('an answer ends when it is large, and goes on with the next question', (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  const events = Array.from({ length: 40 }, () => journal.accepted({ source: 'a', payload: Buffer.alloc(200_000, 1) }));
  log.append(...journal.records);
  const told: number[] = [];
  for (let left = events.map(({ seq }) => seq); left.length > 0; ) {
    const reply = log.ask({ op: 'match', tag: 1, partition, seqs: left, filter: { ...everyEvent, source: ['a'] } });
    if (reply.op !== 'matches') throw new Error(`expected matches, found ${reply.op}`);
    told.push(reply.matches.length);
    left = left.slice(reply.matches.length);
  }
  t.ok(told.length > 5 && told.every((count) => count > 0), told.join());
  t.equal(
    told.reduce((sum, count) => sum + count),
    40,
  );
  t.end();
});
