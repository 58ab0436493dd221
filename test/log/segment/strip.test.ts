/** F3, of a row that holds many records: whatever bit of it is flipped, it is noticed, and one of them is lost at most. */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import type { LogRecord } from '../../../engine/event/record.js';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { chainOf, chainStart } from '../../../engine/log/checksum.js';
import { logStart } from '../../../engine/log/segment/mark.js';
import { openDatabase } from '../../../engine/log/sqlite.js';
import { Strip } from '../../../engine/log/segment/strip.js';
import { StripInsert } from '../../../engine/log/segment/strip-insert.js';
import { surveyStrip } from '../../../engine/log/segment/strip-survey.js';
import { Random } from '../../wheel/random.js';
import { batchOf, crcOfRecord, plain, seq, tempDir } from '../log-fixture.js';

function setup(t: Parameters<typeof tempDir>[0]) {
  const database = openDatabase(`${tempDir(t)}/x.db`, { mode: 'write' });
  t.teardown(() => database.close());
  database.exec('CREATE TABLE strip(first INTEGER PRIMARY KEY, content BLOB NOT NULL)');
  const random = new Random(7);
  const noise = Uint8Array.from({ length: 200_000 }, () => random.below(random.below(2) === 0 ? 3 : 256));
  const bytes = (length: number) => {
    const from = random.below(noise.length - length);
    return noise.slice(from, from + length);
  };
  const records = (first: number, count: number, sizes: readonly number[] = [0, 7, 300, 5_000, 100_000]) =>
    Array.from({ length: count }, (_, place): LogRecord => {
      const at = (1_700_000_000_000 + random.next()) as WallMs;
      const prev = seq(random.below(first + place));
      return { seq: seq(first + place), kind: 2, event: bytes(16), prev, at, body: bytes(random.pick(sizes)) };
    });
  const rows = () =>
    (database.prepare('SELECT first, content FROM strip ORDER BY first').raw().all() as [number, Buffer][]).map((row) => ({
      first: row[0],
      content: row[1],
    }));
  return { database, records, rows, strips: new StripInsert(database) };
}

t.test('what was appended is there byte for byte, however it came and however it was cut', (t) => {
  const { records, rows, strips } = setup(t);
  let last = logStart;
  const written: LogRecord[] = [];
  for (let batches = 1; batches <= 12; batches++) {
    const commit = Array.from({ length: batches }, (_, place) => {
      const some = records(written.length + 1, place * 3 + 1);
      written.push(...some);
      return { batch: batchOf(some) };
    });
    last = strips.insert(commit, last);
  }
  let chain = chainStart;
  let place = 0;
  for (const { first, content } of rows()) {
    const strip = Strip.of(first, content)!;
    t.ok(strip.isWhole);
    t.equal(strip.first, place + 1);
    for (let inStrip = 0; inStrip < strip.count; inStrip++) {
      const record = written[place++]!;
      chain = chainOf(chain, crcOfRecord(record));
      const found = {
        isSound: strip.isSound(inStrip),
        record: plain([strip.record(inStrip) as LogRecord]),
        sums: [strip.storedCrcOf(inStrip), strip.storedChainOf(inStrip)],
      };
      const wanted = { isSound: true, record: plain([record]), sums: [crcOfRecord(record), chain] };
      // A comparison of tap's takes a millisecond and more.
      if (!isDeepStrictEqual(found, wanted)) t.same(found, wanted, `record ${place}`);
    }
  }
  t.equal(place, written.length);
  t.same(last, { seq: written.length, chain });
  t.end();
});

t.test('small batches of a commit come together, and a strip ends at two pages or so', (t) => {
  const { records, rows, strips } = setup(t);
  const all = records(1, 1_000, [50]);
  strips.insert(
    all.map((record) => ({ batch: batchOf([record]) })),
    logStart,
  );
  const sizes = rows().map(({ content }) => content.length);
  t.ok(sizes.length < 20, `${sizes.length} rows`);
  t.ok(sizes.slice(0, -1).every((size) => size >= 8_673 && size < 8_800));
  t.end();
});

t.test('a large record is the last of its strip', (t) => {
  const { records, rows, strips } = setup(t);
  strips.insert([{ batch: batchOf([...records(1, 3, [10]), ...records(4, 1, [200_000]), ...records(5, 2, [10])]) }], logStart);
  t.same(
    rows().map(({ first, content }) => Strip.of(first, content)!.count),
    [4, 2],
  );
  t.end();
});

t.test('records that do not follow the last one are not written, and leave nothing behind for those that do', (t) => {
  const { records, rows, strips } = setup(t);
  t.throws(
    () => strips.insert([{ batch: batchOf(records(1, 2)) }, { batch: batchOf(records(4, 3)) }], logStart),
    /expected sequence 3 to append, found 4/,
  );
  strips.insert([{ batch: batchOf(records(1, 1, [5])) }], logStart);
  t.equal(Strip.of(1, rows().at(-1)!.content)!.count, 1);
  t.end();
});

t.test('whatever bit of a strip is flipped: its sum does not fit, and one record is lost at most', (t) => {
  const { records, rows, strips } = setup(t);
  const written = records(1, 9, [0, 20, 60]);
  strips.insert([{ batch: batchOf(written) }], logStart);
  const { content } = rows()[0]!;
  for (let bit = 0; bit < content.length * 8; bit++) {
    content[bit >> 3]! ^= 1 << (bit & 7);
    if (Strip.of(1, content)?.isWhole) t.fail(`bit ${bit}: the sum fits`);
    const { first, last, records: found, isDoubtful } = surveyStrip(seq(1), content);
    const sound = found.filter(({ crc, sum }) => crc === sum).map(({ record }) => record!);
    if (first !== 1 || last !== 9) t.fail(`bit ${bit}: it reaches from ${first} to ${last}`);
    if (sound.length < 8) t.fail(`bit ${bit}: ${9 - sound.length} records are lost`);
    if (isDoubtful !== (sound.length === 9)) t.fail(`bit ${bit}: ${isDoubtful} with ${sound.length} sound ones`);
    for (const record of sound)
      if (JSON.stringify(plain([record])) !== JSON.stringify(plain([written[record.seq - 1]!])))
        t.fail(`bit ${bit}: a wrong record`);
    content[bit >> 3]! ^= 1 << (bit & 7);
  }
  t.equal(Strip.of(1, content)?.isWhole, true);
  t.end();
});

t.test('a row that says another sequence than its records is not believed, and its records are', (t) => {
  const { records, rows, strips } = setup(t);
  strips.insert([{ batch: batchOf(records(1, 5, [20])) }], logStart);
  const { content } = rows()[0]!;
  const moved = Strip.of(65, content)!;
  t.notOk(moved.isWhole);
  t.notOk(moved.isSound(0));
  t.match(surveyStrip(seq(65), content), { first: 1, last: 5, isDoubtful: true, records: [{ seq: 1 }, {}, {}, {}, { seq: 5 }] });
  t.end();
});

t.test('what is no strip is not taken for one', (t) => {
  const { records, rows, strips } = setup(t);
  strips.insert([{ batch: batchOf(records(1, 2, [20])) }], logStart);
  const { content } = rows()[0]!;
  for (const other of [null, 'text', 7, Buffer.alloc(0), Buffer.alloc(300), content.subarray(0, -1), content.subarray(1)]) {
    t.equal(Strip.of(1, other), null);
    const { first, isDoubtful, records: found } = surveyStrip(seq(1), other);
    t.same([first, isDoubtful, found.filter(({ crc, sum }) => crc === sum)], [1, false, []]);
  }
  t.equal(Strip.of('1', content), null);
  t.end();
});

t.test('sums that are known already are stored as if they were made here', (t) => {
  const { records, rows, strips } = setup(t);
  const written = records(1, 40, [5, 700]);
  const crcs = written.map(crcOfRecord);
  const before = strips.insert(
    [{ batch: batchOf(written.slice(0, 7)) }, { batch: batchOf(written.slice(7)), crcs: crcs.slice(7) }],
    logStart,
  );
  let chain = chainStart;
  for (const crc of crcs) chain = chainOf(chain, crc);
  t.same(before, { seq: 40, chain });
  for (const { first, content } of rows()) {
    const strip = Strip.of(first, content)!;
    t.ok(strip.isWhole);
    for (let place = 0; place < strip.count; place++) t.ok(strip.isSound(place), `sequence ${strip.first + place}`);
  }
  t.end();
});
