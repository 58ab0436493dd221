/** F3: a flipped bit in the main file is found, or it did not matter; a wrong value is never served. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import t from 'tap';
import type { LogRecord } from '../../engine/event/record.js';
import { LogReader } from '../../engine/log/log-reader.js';
import type { ReaderReply } from '../../engine/log/protocol.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { Journal, TestLog, partition, plain, readBack } from './log-fixture.js';

/** The one file of a small log that was closed, and everything that can be read from it. */
function setup(t: ConstructorParameters<typeof TestLog>[0]) {
  const log = new TestLog(t);
  const journal = new Journal();
  const events = [journal.accepted({ externalJobId: 'a' }), journal.accepted()];
  for (const event of events) journal.dispatched(event);
  journal.delivered(events[0]!);
  log.append(...journal.records);
  log.close();
  const dataDir = log.options.dataDir;
  const { path } = listSegments(log.dir)[0]!;
  const file = openSync(path, 'r+');
  t.teardown(() => closeSync(file));
  return { dataDir, file, journal, whole: readFileSync(path), truth: readings(dataDir, journal.records) };
}

/** Each single read that a reader offers, as text; a failed one as its failure. */
function readings(dataDir: string, records: readonly LogRecord[]): string[] {
  const replies: ReaderReply[] = [];
  const reader = new LogReader({
    options: { dataDir, partitions: [partition] },
    reply: (reply) => replies.push(reply),
    pool: () => undefined,
  });
  for (const { seq } of records) {
    reader.handle({ op: 'bodies', tag: 0, partition, seqs: [seq] });
    reader.handle({ op: 'view', tag: 0, partition, newest: seq });
    reader.handle({ op: 'history', tag: 0, partition, newest: seq });
  }
  reader.close();
  return replies.map((reply) => {
    if (reply.op === 'failed') return 'failed';
    if (reply.op === 'bodies')
      return reply.damaged.length > 0 ? 'failed' : JSON.stringify(reply.bodies.map((body) => Buffer.from(body).toString('hex')));
    return JSON.stringify(reply);
  });
}

/** Bytes that hold something: unused space in a page is all zero, and one of its bytes in sixteen stands for the rest. */
function* bits(whole: Uint8Array): Generator<{ readonly at: number; readonly bit: number }> {
  for (let at = 0; at < whole.length; at++) {
    const isUnused = whole.subarray(Math.max(0, at - 4), at + 5).every((byte) => byte === 0);
    if (isUnused && at % 16 !== 0) continue;
    // The highest bit (which makes varints longer) and one that goes round.
    yield { at, bit: 7 };
    yield { at, bit: at % 7 };
  }
}

t.test('a replay notices a flipped bit wherever it is, or gives what was written', (t) => {
  const { dataDir, file, journal, whole } = setup(t);
  const expected = JSON.stringify(plain(journal.records));
  let noticed = 0;
  let irrelevant = 0;
  for (const { at, bit } of bits(whole)) {
    withFlipped(file, { whole, at, bit }, () => {
      const { records, failure } = readBack(dataDir);
      if (failure !== null) noticed++;
      else if (JSON.stringify(plain(records)) === expected) irrelevant++;
      else t.fail(`bit ${bit} of byte ${at}: a wrong record was served`);
    });
  }
  t.ok(noticed > 1_000, `${noticed} noticed`);
  t.ok(irrelevant > 0, `${irrelevant} did not matter`);
  t.end();
});

t.test('a single read notices a flipped bit wherever it is, or gives what was written', (t) => {
  const { dataDir, file, journal, whole, truth } = setup(t);
  let noticed = 0;
  for (const { at, bit } of bits(whole)) {
    if (bit === 7) continue;
    withFlipped(file, { whole, at, bit }, () => {
      for (const [place, reading] of readings(dataDir, journal.records).entries()) {
        if (reading === 'failed' && truth[place] !== 'failed') noticed++;
        else if (reading !== truth[place]) t.fail(`bit ${bit} of byte ${at}: reading ${place} gave ${reading}`);
      }
    });
  }
  t.ok(noticed > 1_000, `${noticed} noticed`);
  t.end();
});

/** Change one bit of the file while `work` reads it. */
function withFlipped(
  file: number,
  { whole, at, bit }: { readonly whole: Uint8Array; readonly at: number; readonly bit: number },
  work: () => void,
) {
  writeSync(file, new Uint8Array([whole[at]! ^ (1 << bit)]), 0, 1, at);
  work();
  writeSync(file, whole, at, 1, at);
}
