import t from 'tap';
import type { MonoMs } from '../../engine/kernel/brand.js';
import { RecoveryProgress } from '../../engine/observe/recovery-progress.js';

const at = (seconds: number) => (seconds * 1_000) as MonoMs;

t.test('at first the longest backlog and the rate say how long it takes', async (t) => {
  const progress = new RecoveryProgress(100);
  t.equal(progress.doneInMs({ overdue: 0, longest: 0 }), null);
  t.equal(progress.doneInMs({ overdue: 5_000, longest: 3_000 }), 30_000);
});

t.test('what drains more slowly than it may is told as it is', async (t) => {
  const progress = new RecoveryProgress(100);
  for (let second = 0; second < 20; second++) progress.sample(at(second), 1_000 - second * 10);
  t.equal(progress.doneInMs({ overdue: 810, longest: 810 }), 81_000);
});

t.test('while nothing drains nobody knows', async (t) => {
  const progress = new RecoveryProgress(100);
  for (let second = 0; second < 5; second++) progress.sample(at(second), 1_000);
  t.equal(progress.doneInMs({ overdue: 1_000, longest: 1_000 }), null);
});

t.test('when more becomes overdue the reckoning begins anew', async (t) => {
  const progress = new RecoveryProgress(100);
  for (let second = 0; second < 5; second++) progress.sample(at(second), 1_000);
  progress.sample(at(5), 4_000);
  t.equal(progress.doneInMs({ overdue: 4_000, longest: 4_000 }), 40_000);
  progress.sample(at(6), 0);
  t.equal(progress.doneInMs({ overdue: 0, longest: 0 }), null);
});
