/** The benches of this part run, in small, and measure what they say. */
import t from 'tap';
import { run as decide } from '../../bench/micro/decide.bench.js';
import { run as idIndex } from '../../bench/micro/id-index.bench.js';
import { run as partitionHash } from '../../bench/micro/partition-hash.bench.js';
import { run as payloadSlice } from '../../bench/micro/payload-slice.bench.js';
import { run as recordCodec } from '../../bench/micro/record-codec.bench.js';
import { run as threadRoundTrip } from '../../bench/micro/thread-round-trip.bench.js';

const positive = (results: readonly object[]) =>
  results.every((result) => Object.entries(result).every(([name, value]) => !name.endsWith('erSecond') || (value as number) > 0));

t.test('the bench of the id index finds every id, with the table and with a map', async (t) => {
  const results = idIndex({ size: 2_000 });
  t.same(
    results.map(({ index }) => index),
    ['handle table', 'map of texts'],
  );
  t.ok(positive(results));
});

t.test('the bench of the record codec reads what it wrote', async (t) => {
  t.ok(positive(recordCodec({ size: 500 })));
});

t.test('the bench of payloads carries every size', async (t) => {
  const results = payloadSlice({ size: 200 });
  t.equal(results.length, 3);
  t.ok(positive(results));
});

t.test('the bench of decisions leaves nothing pending', async (t) => {
  const results = decide({ size: 500 });
  t.same(
    results.map(({ pending }) => pending),
    [0, 0, 0, 0],
  );
  t.ok(positive(results));
});

t.test('keys of every form spread over partitions about as evenly as chance would have it', async (t) => {
  for (const { keys, partitions, spread } of partitionHash({ size: 64_000 })) {
    const perPartition = 64_000 / partitions;
    // Seven standard deviations: with 5.5 the fullest of a thousand was beyond them by chance, once.
    t.ok(spread < 1 + 7 / Math.sqrt(perPartition), `${keys} over ${partitions}: ${spread}`);
  }
});

t.test('the bench of threads brings every message back', async (t) => {
  const results = await threadRoundTrip({ size: 600 });
  t.equal(results.length, 6);
  t.ok(positive(results));
});
