import t from 'tap';
import { recordKinds } from '../../../engine/event/record.js';
import type { MonoMs } from '../../../engine/kernel/brand.js';
import { labelFlowsMax } from '../../../engine/kernel/limits.js';
import { LabelFlows } from '../../../engine/actor/ledger/label-flows.js';

const at = (seconds: number) => (seconds * 1_000) as MonoMs;
const all = { source: null, type: null };

t.test('what happened is counted in its windows and then forgotten', async (t) => {
  const flows = new LabelFlows();
  const labels = { source: 1, type: 2 };
  for (let second = 0; second < 100; second++) flows.recorded(recordKinds.accepted, labels, at(second));
  t.same(flows.figures(all, at(99))[0]!.counts[0], [60, 100, 100]);
  t.same(flows.figures({ source: 1, type: null }, at(250))[0]!.counts[0], [0, 100, 100]);
  t.same(flows.figures({ source: 1, type: 2 }, at(600))[0]!.counts[0], [0, 0, 100]);
  t.same(flows.figures(all, at(5_000))[0]!.counts[0], [0, 0, 0]);
  t.same(flows.figures({ source: 2, type: null }, at(99)), []);
});

t.test('however many labels there are, at most so many are followed, and silent ones make room', async (t) => {
  const flows = new LabelFlows();
  for (let source = 1; source <= 10_000; source++) flows.recorded(recordKinds.accepted, { source, type: 0 }, at(1));
  t.equal(flows.figures(all, at(1)).length, labelFlowsMax);
  flows.recorded(recordKinds.accepted, { source: 20_000, type: 0 }, at(2_000));
  t.equal(flows.figures({ source: 20_000, type: null }, at(2_000)).length, 1);
});
