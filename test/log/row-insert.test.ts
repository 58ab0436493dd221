import t from 'tap';
import type { LogRecord } from '../../engine/event/record.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { chainOf, chainStart, crcOfRecord } from '../../engine/log/checksum.js';
import { logStart } from '../../engine/log/mark.js';
import { RowInsert } from '../../engine/log/row-insert.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { Random } from '../wheel/random.js';
import { batchOf, seq, tempDir } from './log-fixture.js';

function setup(t: Parameters<typeof tempDir>[0]) {
  const database = openDatabase(`${tempDir(t)}/x.db`, { mode: 'write' });
  t.teardown(() => database.close());
  database.exec(
    'CREATE TABLE record(seq INTEGER PRIMARY KEY, kind INTEGER, event BLOB, prev INTEGER, at REAL, body BLOB, crc INTEGER, chain INTEGER)',
  );
  const random = new Random(7);
  const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(256));
  const records = (first: number, count: number) =>
    Array.from({ length: count }, (_, place): LogRecord => {
      const at = (1_700_000_000_000 + random.next()) as WallMs;
      const prev = seq(random.below(first + place));
      return { seq: seq(first + place), kind: 2, event: bytes(16), prev, at, body: bytes(random.pick([0, 7, 300, 5_000])) };
    });
  return { database, records, rows: new RowInsert(database) };
}

t.test('every row is what was given, however many come together', (t) => {
  const { database, records, rows } = setup(t);
  let last = logStart;
  const written: LogRecord[] = [];
  for (let count = 0; count <= 34; count++) {
    const batch = records(written.length + 1, count);
    written.push(...batch);
    if (count > 0) last = rows.insert(batchOf(batch), last);
  }
  let chain = chainStart;
  const found = database.prepare('SELECT * FROM record ORDER BY seq').all() as (LogRecord & { crc: number; chain: number })[];
  t.equal(found.length, written.length);
  for (const [place, record] of written.entries()) {
    const { crc, chain: stored, ...row } = found[place]!;
    chain = chainOf(chain, crcOfRecord(record));
    t.same(
      { ...row, event: [...row.event], body: [...row.body] },
      { ...record, event: [...record.event], body: [...record.body] },
    );
    t.same([crc, stored], [crcOfRecord(record), chain]);
  }
  t.same(last, { seq: written.length, chain });
  t.end();
});

t.test('records that do not follow the last one are not written', (t) => {
  const { records, rows } = setup(t);
  t.throws(() => rows.insert(batchOf(records(2, 3)), logStart), /expected sequence 1 to append, found 2/);
  t.end();
});
