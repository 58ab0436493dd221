/** Which files are opened to find a finished event. What is found is in `segment-index.test.ts` and `retirement.test.ts`. */
import t from 'tap';
import { tagOfKey } from '../../../engine/event/content.js';
import { everyEvent } from '../../../engine/event/event-filter.js';
import { readEntries } from '../../../engine/event/event-list.js';
import { findByKey, findById } from '../../../engine/log/reading/event-lookup.js';
import { listFinished } from '../../../engine/log/reading/finished-list.js';
import { HandleCache } from '../../../engine/log/reading/handle-cache.js';
import { PartitionSegments } from '../../../engine/log/reading/partition-segments.js';
import type { SegmentIndex } from '../../../engine/log/index/segment-index.js';
import type { SegmentReader } from '../../../engine/log/segment/segment-reader.js';
import { Journal, TestLog, partition } from '../log-fixture.js';

type Tap = ConstructorParameters<typeof TestLog>[0];

const segmentCount = 12;

/** Tells which files were asked for. */
class WatchedCache extends HandleCache<SegmentIndex> {
  readonly asked: string[] = [];

  override get(path: string, open: () => SegmentIndex): SegmentIndex {
    this.asked.push(path);
    return super.get(path, open);
  }
}

/** Each segment has an event of its own, finished there; no two indexes can be open at once. */
async function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  const events = Array.from({ length: segmentCount }, (_, number) => {
    const event = journal.accepted({ externalJobId: `job-${number}` });
    journal.cancelled(event);
    log.append(...journal.records.splice(0));
    log.clock.now += 86_400_000;
    log.tick();
    return event;
  });
  await log.runTasks();
  const { dataDir } = log.options;
  const readers = new HandleCache<SegmentReader>(2);
  const indexes = new WatchedCache(1);
  t.teardown(() => [readers, indexes].map((handles) => handles.close()));
  const segments = new PartitionSegments({ dataDir, partition, readers, indexes });
  segments.findIndexes();
  segments.outline();
  const askedFor = (find: () => unknown): number => {
    indexes.asked.length = 0;
    find();
    return new Set(indexes.asked).size;
  };
  return { segments, events, askedFor };
}

t.test('of many indexes those only are opened that may know the event', async (t) => {
  const { segments, events, askedFor } = await setup(t);
  for (const [number, { event }] of events.entries()) {
    const { high: tagHigh, low: tagLow } = tagOfKey({ kind: 'external', source: 'default', text: `job-${number}` });
    const filter = { ...everyEvent, externalJobId: `job-${number}`, source: ['default'] };
    const query = { filter, sort: 'created_at', order: 'desc', after: null, until: null, limit: 10 } as const;
    // A filter is wrong once in 1,700 times, with so few entries more often.
    t.ok(askedFor(() => t.equal(findById(segments, event).length, 1)) <= 2);
    t.ok(askedFor(() => t.equal(findByKey(segments, { tagHigh, tagLow }).length, 1)) <= 2);
    t.ok(askedFor(() => t.ok(listFinished(segments, query).entries.length > 0)) <= 2);
  }
});

t.test('an external id without its source is asked of few indexes, too', async (t) => {
  const { segments, askedFor } = await setup(t);
  for (let number = 0; number < segmentCount; number++) {
    const filter = { ...everyEvent, externalJobId: `job-${number}` };
    const query = { filter, sort: 'created_at', order: 'desc', after: null, until: null, limit: 10 } as const;
    t.ok(askedFor(() => t.ok(listFinished(segments, query).entries.length > 0)) <= 4);
  }
});

t.test('a list up to a place is made of the segments that reach there', async (t) => {
  const { segments, askedFor } = await setup(t);
  for (const order of ['desc', 'asc'] as const) {
    const query = { filter: everyEvent, sort: 'created_at', order, after: null, limit: 100 } as const;
    const all = readEntries(listFinished(segments, { ...query, until: null }).entries);
    t.equal(all.length, segmentCount);
    for (let places = 1; places < segmentCount; places++) {
      const until = all[places - 1]!;
      const opened = askedFor(() => {
        const { entries, coverage } = listFinished(segments, { ...query, until });
        t.same(readEntries(entries), all.slice(0, places));
        t.equal(coverage, 'end', 'all that was asked for');
        const some = listFinished(segments, { ...query, until, limit: 1 });
        t.same(some.coverage, places === 1 ? 'end' : all[0], 'there is more of it');
      });
      t.equal(opened, places);
    }
    const before = { ms: all[0]!.ms + (order === 'desc' ? 1 : -1), id: all[0]!.id };
    const nothing = { entries: new Uint8Array(0), coverage: 'end' };
    t.equal(
      askedFor(() => t.same(listFinished(segments, { ...query, until: before }), nothing)),
      0,
    );
  }
});
