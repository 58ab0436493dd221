import t from 'tap';
import { deliveryTypes } from '../../engine/event/spec.js';
import { eventStatuses } from '../../engine/event/status.js';
import type { Handle, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { columnForms, EventColumns, hashOfId, type NewRow } from '../../engine/partition/columns.js';

const now = 1_763_632_800_000 as WallMs;

function rowOf(fields: Partial<NewRow> = {}): NewRow {
  return {
    id: mintEventId(1 as Slot, now),
    idAt: 0,
    tagHigh: 0,
    tagLow: 0,
    seq: 1 as Sequence,
    scheduledAtMs: now,
    dueAtMs: now,
    expiresAtMs: 0,
    origin: 0,
    labels: { source: 0, type: 0, destination: 0, signatureHigh: 0, signatureLow: 0 },
    maxRetries: 3,
    priority: 5,
    deliveryType: 'HTTP',
    version: 1,
    attempts: 0,
    ...fields,
  };
}

t.test('a row comes back as it was written', async (t) => {
  const columns = new EventColumns();
  for (const deliveryType of deliveryTypes) {
    const row = rowOf({
      tagHigh: 2 ** 32 - 1,
      tagLow: 2 ** 31,
      seq: (2 ** 40) as Sequence,
      scheduledAtMs: (now - 1) as WallMs,
      dueAtMs: (now + 0.5) as WallMs,
      expiresAtMs: now + 1,
      origin: 70_000,
      labels: { source: 2 ** 32 - 1, type: 1, destination: 2 ** 31, signatureHigh: 2 ** 32 - 2, signatureLow: 3 },
      maxRetries: 100,
      priority: 9,
      deliveryType,
    });
    const handle = columns.add(row);
    t.same(columns.id(handle), row.id);
    t.ok(columns.hasId(handle, row.id));
    t.notOk(columns.hasId(handle, rowOf().id));
    t.equal(columns.idHash(handle), hashOfId(row.id));
    t.equal(columns.tagHigh(handle), row.tagHigh);
    t.equal(columns.tagLow(handle), row.tagLow);
    t.equal(columns.bodySeq(handle), row.seq);
    t.equal(columns.newestSeq(handle), row.seq);
    t.equal(columns.dueAtMs(handle), row.dueAtMs);
    t.equal(columns.expiresAtMs(handle), row.expiresAtMs);
    t.equal(columns.origin(handle), row.origin);
    t.equal(columns.scheduledAtMs(handle), row.scheduledAtMs);
    t.same(columns.labels(handle), row.labels);
    t.equal(columns.maxRetries(handle), row.maxRetries);
    t.equal(columns.priority(handle), row.priority);
    t.equal(columns.deliveryType(handle), deliveryType);
    t.equal(columns.status(handle), 'SCHEDULED');
    t.equal(columns.version(handle), 1);
    t.equal(columns.attempts(handle), 0);
  }
});

t.test('an id given out is a copy, so an answer keeps it when the row is used again', async (t) => {
  const columns = new EventColumns();
  const { id } = rowOf();
  const handle = columns.add(rowOf({ id }));
  const shown = columns.id(handle);
  columns.free(handle);
  columns.add(rowOf());
  t.same(shown, id);
});

t.test('advancing moves status, newest record and version', async (t) => {
  const columns = new EventColumns();
  const handle = columns.add(rowOf());
  for (const [step, status] of eventStatuses.entries()) {
    columns.advance(handle, { status, seq: (10 + step) as Sequence });
    t.equal(columns.status(handle), status);
    t.equal(columns.newestSeq(handle), 10 + step);
    t.equal(columns.version(handle), 2 + step);
    t.equal(columns.bodySeq(handle), 1);
  }
});

t.test('a row that is used again starts anew, under another generation', async (t) => {
  const columns = new EventColumns();
  const handle = columns.add(rowOf({ tagHigh: 1, tagLow: 2, expiresAtMs: now }));
  for (let attempt = 0; attempt < 4; attempt++) columns.countAttempt(handle);
  columns.advance(handle, { status: 'RETRYING', seq: 9 as Sequence });
  const generation = columns.generation(handle);
  columns.free(handle);
  t.equal(columns.isLive(handle), false);
  t.equal(columns.newestSeq(handle), 0);
  t.equal(columns.bodySeq(handle), 1, 'where its body was can still be asked');
  const again = columns.add(rowOf({ seq: 20 as Sequence }));
  t.equal(again, handle, 'last freed, first used, so that live rows stay dense');
  t.not(columns.generation(again), generation);
  t.match(
    [
      columns.attempts(again),
      columns.attemptsInRun(again),
      columns.version(again),
      columns.status(again),
      columns.expiresAtMs(again),
      columns.tagHigh(again),
    ],
    [0, 0, 1, 'SCHEDULED', 0, 0],
  );
});

t.test('a row cannot be freed twice', async (t) => {
  const columns = new EventColumns();
  const handle = columns.add(rowOf());
  columns.free(handle);
  t.throws(() => columns.free(handle), InvariantError);
  t.equal(columns.size, 0);
});

t.test('rows spread over chunks do not touch each other', async (t) => {
  const columns = new EventColumns();
  const rows = 16_384 * 2 + 10;
  const row = rowOf();
  for (let index = 0; index < rows; index++) {
    row.id[8] = index;
    row.id[9] = index >>> 8;
    row.id[10] = index >>> 16;
    columns.add({ ...row, seq: (index + 1) as Sequence, dueAtMs: index as WallMs, priority: index % 10, origin: index });
  }
  t.equal(columns.size, rows);
  t.equal(columns.rows, rows);
  let wrong = 0;
  for (let index = 0; index < rows; index++) {
    const handle = index as Handle;
    if (columns.newestSeq(handle) !== index + 1 || columns.dueAtMs(handle) !== index) wrong++;
    if (columns.priority(handle) !== index % 10 || columns.origin(handle) !== index) wrong++;
    const id = columns.id(handle);
    if ((id[8]! | (id[9]! << 8) | (id[10]! << 16)) !== index) wrong++;
  }
  t.equal(wrong, 0);
});

/** What is not 0 in one row of each column, one after the other. */
const changes: readonly [string, (columns: EventColumns, handle: Handle) => void][] = [
  ['an attempt', (columns, handle) => columns.countAttempt(handle)],
  ['a status', (columns, handle) => columns.advance(handle, { status: 'DISPATCHED', seq: 7 as Sequence })],
  ['a due time', (columns, handle) => columns.setDueAtMs(handle, (now + 5) as WallMs)],
  ['a use of a row', (columns, handle) => columns.free(handle)],
  ...(
    [
      { tagHigh: 1 },
      { tagLow: 1 },
      { expiresAtMs: now },
      { dueAtMs: (now + 1) as WallMs },
      { origin: 1 },
      { deliveryType: 'LOCAL' },
      { labels: { source: 1, type: 2, destination: 3, signatureHigh: 4, signatureLow: 5 } },
      { version: 2, attempts: 3 },
    ] as const satisfies readonly Partial<NewRow>[]
  ).map((fields): [string, (columns: EventColumns) => void] => [
    Object.keys(fields).join(' and '),
    (columns) => columns.add(rowOf({ ...fields, seq: 3 as Sequence })),
  ]),
];

/** Every number of an origin as it is. */
const asTheyAre = new Map(Array.from({ length: 17_000 }, (_, number) => [number, number]));

/** All that a row says. */
function said(columns: EventColumns, handle: Handle): readonly unknown[] {
  return [[...columns.gather([handle], asTheyAre)], columns.generation(handle), columns.isLive(handle), columns.dueAtMs(handle)];
}

for (const [what, change] of changes) {
  t.test(`${what} in one row is none in others, of these columns and of others`, async (t) => {
    const columns = new EventColumns();
    const other = new EventColumns();
    for (const each of [columns, other]) {
      for (let row = 0; row < 16_384 + 2; row++) each.add(rowOf());
    }
    const watched: [EventColumns, Handle][] = [
      [columns, 1 as Handle],
      [columns, 16_383 as Handle],
      [columns, 16_385 as Handle],
      [other, 0 as Handle],
    ];
    const before = watched.map(([each, handle]) => said(each, handle));
    change(columns, 0 as Handle);
    t.same(
      watched.map(([each, handle]) => said(each, handle)),
      before,
    );
    const copied = new EventColumns();
    const live = columns.isLive(0 as Handle) ? (0 as Handle) : (2 as Handle);
    copied.scatter(columns.gather([live, 1], asTheyAre));
    t.same(copied.gather([0, 1], asTheyAre), columns.gather([live, 1], asTheyAre), 'and a snapshot tells them apart');
  });
}

t.test('a row of an event without a key, to which nothing has happened, takes 60 bytes at most', async (t) => {
  const rows = 200_000;
  const labels = { source: 1, type: 2, destination: 3, signatureHigh: 4, signatureLow: 5 };
  const row = rowOf({ labels });
  const columns = new EventColumns();
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < rows; index++) columns.add(row);
  const bytes = (process.memoryUsage().arrayBuffers - before) / rows;
  t.equal(columns.size, rows);
  t.ok(bytes < 60, `${bytes} bytes`);
  const copied = new EventColumns();
  const handles = Array.from({ length: 4_096 }, (_, index) => index);
  const section = columns.gather(handles, asTheyAre);
  const emptied = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < rows; at += handles.length) copied.scatter(section);
  const restored = (process.memoryUsage().arrayBuffers - emptied) / copied.size;
  t.ok(restored < 60, `${restored} bytes when it comes from a snapshot`);
});

t.test('a row that was used twice while the first chunk was small is known by its generation when that has grown', async (t) => {
  const columns = new EventColumns();
  const handle = columns.add(rowOf());
  const generation = columns.generation(handle);
  columns.free(handle);
  t.equal(columns.add(rowOf()), handle);
  while (columns.rows < 10_000) columns.add(rowOf());
  t.equal(columns.generation(handle), generation + 1);
  t.equal(columns.generation((handle + 9_000) as Handle), generation);
});

t.test('size counts live rows, whatever was freed and used again', async (t) => {
  const columns = new EventColumns();
  const handles = Array.from({ length: 100 }, () => columns.add(rowOf()));
  for (const handle of handles.slice(0, 60)) columns.free(handle);
  t.equal(columns.size, 40);
  for (let index = 0; index < 30; index++) columns.add(rowOf());
  t.equal(columns.size, 70);
  t.equal(columns.rows, 100, 'no row is opened while a free one is left');
});

t.test('the hash of an id changes with every random bit, and spreads over 32 bits', async (t) => {
  const { id } = rowOf();
  for (let at = 9; at < 16; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const other = id.slice();
      other[at]! ^= 1 << bit;
      t.not(hashOfId(other), hashOfId(id), `byte ${at}, bit ${bit}`);
    }
  }
  const hashes = new Set(Array.from({ length: 50_000 }, () => hashOfId(mintEventId(1 as Slot, now))));
  t.ok(hashes.size > 49_990, `${hashes.size} of 50,000`);
});

t.test('rows laid out as bytes come back as they were, in the order asked, every column of the list', async (t) => {
  const columns = new EventColumns();
  const rows = 16_384 + 100;
  for (let index = 0; index < rows; index++) {
    columns.add(
      rowOf({
        seq: (index + 1) as Sequence,
        dueAtMs: (index + 0.5) as WallMs,
        origin: index,
        tagLow: index,
        priority: index % 10,
      }),
    );
  }
  const handles = Array.from({ length: rows }, (_, index) => rows - 1 - index);
  const copied = new EventColumns();
  for (let at = 0; at < rows; at += 4_096) {
    const some = handles.slice(at, at + 4_096);
    t.same(copied.scatter(columns.gather(some, asTheyAre)), { first: at, rows: some.length });
  }
  t.equal(copied.size, rows);
  t.same(copied.id(0 as Handle), columns.id((rows - 1) as Handle));
  t.equal(copied.dueAtMs(1 as Handle), rows - 2 + 0.5);
  t.same(copied.gather([5, rows - 1, 4_096], asTheyAre), columns.gather([rows - 6, 0, rows - 1 - 4_096], asTheyAre));
  const names: readonly string[] = columnForms.map(({ name }) => name);
  t.ok(names.includes('newestSeq'));
  t.notOk(names.includes('generation'), 'a generation belongs to the row, not to the event');
});

t.test('rows are not added behind free ones', async (t) => {
  const columns = new EventColumns();
  const handle = columns.add(rowOf());
  const bytes = columns.gather([handle], asTheyAre);
  columns.free(handle);
  t.throws(() => columns.scatter(bytes), InvariantError);
});
