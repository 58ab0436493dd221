import { rmSync } from 'node:fs';
import t from 'tap';
import { crcOfParts, crcOfRecord } from '../../engine/log/checksum.js';
import { RowRun, runRowsMax } from '../../engine/log/row-run.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import type { LogRecord } from '../../engine/event/record.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { Random } from '../wheel/random.js';
import { seq, tempDir } from './log-fixture.js';

function setup(t: Parameters<typeof tempDir>[0]) {
  const dir = tempDir(t);
  const database = openDatabase(`${dir}/x.db`, { mode: 'write' });
  t.teardown(() => {
    database.close();
    rmSync(dir, { recursive: true, force: true });
  });
  database.exec(
    'CREATE TABLE record(seq INTEGER PRIMARY KEY, kind INTEGER, event BLOB, prev INTEGER, at REAL, body BLOB, crc INTEGER, chain INTEGER)',
  );
  const insert = database.prepare('INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const random = new Random(5);
  const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(random.below(2) === 0 ? 3 : 256));
  const write = (place: number, at: number, length: number): LogRecord => {
    const record = {
      seq: seq(place),
      kind: 2,
      event: bytes(16),
      prev: seq(random.below(place)),
      at: at as WallMs,
      body: bytes(length),
    } as LogRecord;
    insert.run(place, record.kind, record.event, record.prev, at, record.body, crcOfRecord(record), random.below(2 ** 32));
    return record;
  };
  return { database, write, random };
}

t.test('a run is what was written, byte for byte: zeros, bytes that are no text, empty bodies', async (t) => {
  const { database, write, random } = setup(t);
  const written = Array.from({ length: 300 }, (_, place) =>
    write(
      place + 1,
      1_700_000_000_000 + random.below(2 ** 40) + (place % 3 === 0 ? random.next() : 0),
      random.pick([0, 1, 15, 300, 5_000]),
    ),
  );
  const run = new RowRun(database);
  let compared = 0;
  for (let from = 1; from <= 300; ) {
    const rows = run.read(from, 290);
    if (rows === null) throw new Error('it is not in one piece');
    if (rows.length === 0) break;
    t.ok(rows.length <= runRowsMax);
    for (const [own, kind, prev, at, crc, , eventAndBody] of rows) {
      const record = written[compared++]!;
      t.same([own, kind, prev, at, crc], [record.seq, record.kind, record.prev, record.at, crcOfRecord(record)]);
      t.equal(Buffer.compare(eventAndBody as Uint8Array, Buffer.concat([record.event, record.body])), 0);
      t.equal(crcOfParts(record, eventAndBody as Uint8Array), crc);
    }
    from += rows.length;
  }
  t.equal(compared, 289);
});

t.test('of rows that are asked for, those that there are come, in order and byte for byte', async (t) => {
  const { database, write, random } = setup(t);
  const written = new Map(
    Array.from({ length: 400 }, (_, place) => {
      const record = write(3 * place + 1, 1_700_000_000_000 + random.below(2 ** 40), random.pick([0, 15, 300]));
      return [record.seq, record];
    }),
  );
  const run = new RowRun(database);
  for (const share of [1, 2, 30]) {
    const asked = Array.from({ length: 1_200 }, (_, place) => place + 1).filter(() => random.below(share) === 0);
    const there = asked.filter((each) => written.has(seq(each)));
    for (let from = 0; from < asked.length; from += runRowsMax) {
      const some = asked.slice(from, from + runRowsMax);
      const rows = run.readSome(some);
      if (rows === null) throw new Error('it is not in one piece');
      t.same(
        rows.map(([own]) => own),
        there.filter((each) => some.includes(each)),
      );
      for (const [own, , , , crc, , eventAndBody] of rows)
        t.equal(crcOfParts(written.get(seq(own as number))!, eventAndBody as Uint8Array), crc);
    }
  }
});

t.test('large rows that are asked for come fewer with one call', async (t) => {
  const { database, write } = setup(t);
  const asked = Array.from({ length: 40 }, (_, place) => write(place + 1, 1_000, 200_000).seq);
  const run = new RowRun(database);
  t.equal(run.readSome(asked.slice(0, 2))?.length, 2);
  t.equal(run.readSome(asked)?.length, 1);
});

t.test('a column of another type never comes out as something that was written', async (t) => {
  const { database, write } = setup(t);
  const written = [write(1, 1_000, 20), write(2, 2_000, 20), write(3, 3_000, 20)];
  const run = new RowRun(database);
  for (const change of [
    "at = 'soon'",
    'at = NULL',
    'event = NULL',
    "body = 'äöü'",
    'body = NULL',
    'kind = 1e300',
    'prev = NULL',
    "crc = 'x'",
    'event = 7',
  ]) {
    database.exec(`SAVEPOINT one; UPDATE record SET ${change} WHERE seq = 2`);
    for (const row of run.read(1, 4) ?? []) {
      const [own, kind, prev, at, crc, , eventAndBody] = row;
      const record = written[(own as number) - 1]!;
      const sum = crcOfParts({ seq: own, kind, prev, at } as LogRecord, eventAndBody as Uint8Array);
      if (sum === crc)
        t.same([own, kind, prev, at, crc], [record.seq, record.kind, record.prev, record.at, crcOfRecord(record)], change);
    }
    database.exec('ROLLBACK TO one; RELEASE one');
  }
});
