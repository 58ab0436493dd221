import t from 'tap';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { noSequence, type Sequence, type Slot, type WallMs } from '../../engine/kernel/brand.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { sheafBytesMax, sheafEventsMax } from '../../engine/kernel/limits.js';
import { EventSheafBuilder } from '../../engine/log/event-sheaf.js';
import { RecordBatchBuilder, RecordCursor, readBatch } from '../../engine/log/record-batch.js';
import { now, specOf } from '../event/specs.js';

function append(builder: EventSheafBuilder, body: Uint8Array) {
  const event = mintEventId(3 as Slot, now);
  const room = { bytes: Buffer.concat([Buffer.from('..'), body]) };
  const createdAtMs = (now + 1) as WallMs;
  builder.append({ ids: event, idAt: 0, room, bodyAt: 2, bodyEnd: room.bytes.length, createdAtMs });
  return event;
}

t.test('its events are accepted records without a sequence, in order', async (t) => {
  const builder = new EventSheafBuilder();
  const bodies = ['a', 'b', 'c'].map((source) => encodeSpec(specOf({ source, payload: Buffer.alloc(9_000, source) }), null));
  const events = bodies.map((body) => append(builder, body));
  const records = [...readBatch(builder.take())];
  t.equal(records.length, 3);
  for (const [place, record] of records.entries()) {
    t.match(record, { seq: noSequence, prev: noSequence, kind: 1, at: now + 1 });
    t.ok(Buffer.from(record.event).equals(events[place]!));
    t.ok(Buffer.from(record.body).equals(bodies[place]!));
  }
  t.equal(builder.count, 0);
});

t.test('a sheaf is the own memory of whoever took it, also a large one', async (t) => {
  const builder = new EventSheafBuilder();
  for (const bytes of [10, 300_000, 10]) {
    append(builder, new Uint8Array(bytes).fill(1));
    const sheaf = builder.take();
    append(builder, new Uint8Array(bytes).fill(2));
    builder.take();
    t.ok([...readBatch(sheaf)][0]!.body.every((byte) => byte === 1));
  }
});

t.test('a sheaf that is lent lies where it was made, until the next event comes', async (t) => {
  const builder = new EventSheafBuilder();
  for (const bytes of [10, 300_000, 10]) {
    append(builder, new Uint8Array(bytes).fill(1));
    const lent = builder.lend();
    t.equal(builder.count, 0);
    t.ok([...readBatch(lent)][0]!.body.every((byte) => byte === 1));
    append(builder, new Uint8Array(bytes).fill(2));
    const [next, ...more] = [...readBatch(builder.lend())];
    t.ok(next!.body.every((byte) => byte === 2));
    t.equal(more.length, 0);
  }
});

t.test('it is full at its number of events, or behind the event that makes it too large', async (t) => {
  const builder = new EventSheafBuilder();
  for (let count = 0; count < sheafEventsMax; count++) {
    t.notOk(builder.isFull);
    append(builder, new Uint8Array(5));
  }
  t.ok(builder.isFull);
  builder.take();
  append(builder, new Uint8Array(sheafBytesMax));
  t.ok(builder.isFull);
});

t.test('records that have found their place are moved into a batch in one piece', async (t) => {
  const builder = new EventSheafBuilder();
  for (let count = 0; count < 5; count++) append(builder, encodeSpec(specOf({ description: `${count}` }), null));
  const cursor = new RecordCursor(builder.take());
  const [from, first] = [1, 41 as Sequence];
  let [start, end] = [0, 0];
  for (let place = 0; cursor.next(); place++) {
    if (place === from) start = cursor.startAt;
    if (place < from) continue;
    cursor.seq = (first + place - from) as Sequence;
    end = cursor.endAt;
  }
  const batch = new RecordBatchBuilder();
  batch.appendSpan(cursor.bytes, { from: start, to: end, first, count: 4 });
  t.throws(() => batch.appendSpan(cursor.bytes, { from: start, to: end, first, count: 4 }), { message: /expected sequence 45/ });
  const records = [...readBatch(batch.take())];
  t.same(
    records.map(({ seq }) => seq),
    [41, 42, 43, 44],
  );
});
