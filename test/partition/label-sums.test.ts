/** Sums by source and type against counting all events. */
import t from 'tap';
import { emptyTally, type LabelHashes } from '../../engine/event/label-filter.js';
import { LabelSums } from '../../engine/partition/label-sums.js';
import { Random } from '../wheel/random.js';

interface Counted {
  readonly source: number;
  readonly type: number;
  readonly place: number;
}

const places = emptyTally().length;

function tallyOf(sums: LabelSums, labels: LabelHashes): number[] {
  const tally = emptyTally();
  sums.addTo(tally, labels);
  return tally;
}

function countOf(events: readonly Counted[], labels: LabelHashes): number[] {
  const tally = emptyTally();
  for (const { source, type, place } of events)
    if ((labels.source ?? source) === source && (labels.type ?? type) === type) tally[place]!++;
  return tally;
}

t.test('whatever comes, changes its state and goes, the sums of those that are whole are those of counting', async (t) => {
  let [whole, leftOut] = [0, 0];
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    let sums = new LabelSums(6);
    const events: Counted[] = [];
    for (let step = 0; step < 400; step++) {
      const dice = random.below(10);
      const at = random.below(Math.max(1, events.length));
      const event = events[at];
      if (event === undefined || (dice < 5 && events.length < 20)) {
        // More pairs than there is room for, but not always.
        const added = { source: random.below(3), type: random.below(5), place: random.below(places) };
        sums.add(added, added.place);
        events.push(added);
      } else if (dice < 8) {
        sums.remove(event, event.place);
        events.splice(at, 1);
      } else if (dice < 9) {
        const to = random.below(places);
        sums.move(event, { from: event.place, to });
        events[at] = { ...event, place: to };
      } else if (sums.isWhole) {
        const { outline } = sums;
        sums = new LabelSums(6);
        sums.restore(outline);
        t.same(sums.outline, outline);
      }
      if (events.length === 0 && !sums.isWhole) t.fail(`seed ${seed}: nothing is there, and something is left out`);
      if (!sums.isWhole) {
        leftOut++;
        continue;
      }
      whole++;
      for (const labels of [
        { source: 1, type: null },
        { source: null, type: 2 },
        { source: 2, type: 3 },
      ])
        if (tallyOf(sums, labels).join() !== countOf(events, labels).join()) t.fail(`seed ${seed}, step ${step}`);
    }
  }
  t.ok(whole > 1_000 && leftOut > 1_000, `${whole} times whole, ${leftOut} times not`);
});

t.test('beyond the limit the sums are not whole until what was left out is gone', async (t) => {
  const sums = new LabelSums(2);
  const pairs = [1, 2, 3].map((source) => ({ source, type: 0 }));
  for (const pair of pairs) sums.add(pair, 0);
  t.notOk(sums.isWhole);
  t.equal(sums.outline, null);
  sums.remove(pairs[0]!, 0);
  // Its pair could begin again, but some of another one would never be in the sums.
  sums.add(pairs[0]!, 0);
  t.notOk(sums.isWhole);
  sums.remove(pairs[2]!, 0);
  sums.remove(pairs[0]!, 0);
  t.ok(sums.isWhole);
  t.same(
    sums.outline?.map(([source]) => source),
    [2],
  );
});

t.test('sums of which some were left out stay so behind a snapshot', async (t) => {
  const sums = new LabelSums(2);
  sums.restore(null);
  const pair = { source: 1, type: 1 };
  sums.add(pair, 0);
  sums.remove(pair, 0);
  t.notOk(sums.isWhole);
});
