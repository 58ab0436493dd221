/** Every stage with everything that can be so: what must never follow, and what must. */
import { Course } from '../../../engine/cluster/ownership/course.js';
import t, { type Test } from 'tap';
import type { Owner } from '../../../engine/cluster/ownership/ownership.js';
import {
  type Facts,
  nextStep,
  type Stage,
  type Standing,
  type Step,
} from '../../../engine/cluster/ownership/partition-course.js';

const us = 'ours';
const owners: readonly (Owner | null | undefined)[] = [
  undefined,
  null,
  ...[1, 2, 3].flatMap((epoch) =>
    [us, 'another'].flatMap((session) =>
      [true, false].map((released) => ({ epoch, session, node: session, released, markerSeq: epoch })),
    ),
  ),
];
const stages: readonly Stage[] = ['elsewhere', 'following', 'claiming', 'restoring', 'serving', 'releasing', 'yielding'];

interface Case {
  readonly standing: Standing;
  readonly facts: Facts;
  readonly step: Step;
}

function* everyCase(): Generator<Case> {
  for (const stage of stages)
    for (const owner of owners)
      for (const session of [us, null])
        for (const place of ['owner', 'standby', 'none'] as const)
          for (let bits = 0; bits < 64; bits++) {
            const [isOwnerGone, isOurTurn, mayMove, isHeld, isStopping, mayBegin] = [1, 2, 4, 8, 16, 32].map(
              (bit) => (bits & bit) !== 0,
            ) as [boolean, boolean, boolean, boolean, boolean, boolean];
            const standing = { stage, takenEpoch: 2, seenEpoch: 3 };
            const facts = { session, owner, isOwnerGone, place, isOurTurn, mayMove, isHeld, isStopping, mayBegin };
            yield { standing, facts, step: nextStep(standing, facts) };
          }
}

const cases = [...everyCase()];
const running: readonly Stage[] = ['restoring', 'serving', 'releasing'];

function never(t: Test, what: string, is: (one: Case) => boolean): void {
  const found = cases.find(is);
  t.equal(found, undefined, what);
}

t.test('nothing is taken or claimed without a lease of this session', (t) => {
  never(t, 'taken', ({ step, facts }) => step.do === 'take' && (facts.session === null || !facts.mayBegin));
  never(t, 'claimed', ({ step, facts }) => step.do === 'claim' && (facts.session === null || !facts.mayBegin));
  t.end();
});

t.test('only what the newest marker says is ours is taken, and each epoch once', (t) => {
  never(t, 'not ours', ({ step, facts: { owner } }) => step.do === 'take' && (owner?.session !== us || owner.released));
  never(t, 'another epoch', ({ step, facts: { owner } }) => step.do === 'take' && step.epoch !== owner?.epoch);
  never(t, 'twice', ({ step, standing }) => step.do === 'take' && step.epoch <= standing.takenEpoch);
  t.end();
});

t.test('a claim is for an epoch that nobody has seen, of what nobody else can hold', (t) => {
  never(t, 'epoch', ({ step, standing }) => step.do === 'claim' && step.epoch !== standing.seenEpoch + 1);
  never(t, 'unknown owner', ({ step, facts: { owner } }) => step.do === 'claim' && owner === undefined);
  never(t, 'held by another', ({ step, facts: { owner, isOwnerGone } }) => {
    return step.do === 'claim' && !!owner && owner.session !== us && !owner.released && !isOwnerGone;
  });
  never(t, 'failed here lately', ({ step, facts }) => step.do === 'claim' && facts.isHeld);
  never(t, 'while stopping', ({ step, facts }) => step.do === 'claim' && facts.isStopping);
  t.end();
});

t.test('what runs here ends at once without a session, and when the marker says another', (t) => {
  for (const { standing, facts, step } of cases) {
    if (!running.includes(standing.stage)) continue;
    const { owner, session } = facts;
    const isAnothers = owner !== undefined && !(owner?.session === us && owner.epoch === 2 && !owner.released);
    if (session === null || isAnothers) {
      if (step.do !== 'drop') t.fail(`${standing.stage} goes on: ${JSON.stringify(facts)}`);
    } else if (step.do === 'drop' && !(standing.stage === 'restoring' && facts.isStopping)) {
      t.fail(`${standing.stage} is dropped without need: ${JSON.stringify(facts)}`);
    }
  }
  t.end();
});

t.test('only what serves and may move is released: when it should be elsewhere, or all of it ends', (t) => {
  for (const { standing, facts, step } of cases) {
    if (step.do !== 'release') continue;
    const isAsked = facts.mayMove && (facts.isStopping || facts.place !== 'owner');
    if (standing.stage !== 'serving' || !isAsked) t.fail(`${standing.stage}: ${JSON.stringify(facts)}`);
  }
  t.end();
});

t.test('a released marker is written only for an epoch of ours of which nothing runs', (t) => {
  never(t, 'runs', ({ step, standing }) => step.do === 'yield' && running.includes(standing.stage));
  never(t, 'not ours', ({ step, facts: { owner } }) => step.do === 'yield' && (owner?.session !== us || owner.released));
  t.end();
});

t.test('while a marker is on its way nothing else begins', (t) => {
  never(t, 'a step', ({ step, standing }) => ['claiming', 'yielding'].includes(standing.stage) && step.do !== 'nothing');
  t.end();
});

t.test('each step is carried out once: what it leads to asks for no step back', (t) => {
  const after = {
    follow: 'following',
    unfollow: 'elsewhere',
    drop: 'elsewhere',
    release: 'releasing',
    take: 'restoring',
  } as const;
  const back = { follow: 'unfollow', unfollow: 'follow', drop: 'none', release: 'none', take: 'release' } as const;
  for (const { standing, facts, step } of cases) {
    if (!(step.do in after)) continue;
    const act = step.do as keyof typeof after;
    const takenEpoch = step.do === 'take' ? step.epoch : standing.takenEpoch;
    const then = nextStep({ stage: after[act], takenEpoch, seenEpoch: 3 }, facts);
    if (then.do === back[act] || then.do === act) t.fail(`${act}, then ${then.do}: ${JSON.stringify({ standing, facts })}`);
  }
  t.end();
});

t.test('the way of a partition through a node that joins, serves, and stops', (t) => {
  const calm = { isOwnerGone: false, isOurTurn: true, mayMove: false, isHeld: false, isStopping: false, mayBegin: true } as const;
  const ours = (epoch: number, released = false): Owner => ({ epoch, session: us, node: us, released, markerSeq: epoch });
  const step = (stage: Stage, takenEpoch: number, facts: Partial<Facts>) =>
    nextStep(
      { stage, takenEpoch, seenEpoch: facts.owner?.epoch ?? 0 },
      { ...calm, session: us, owner: null, place: 'owner', ...facts },
    );
  t.same(step('elsewhere', 0, { session: null }), { do: 'follow' });
  t.same(step('following', 0, { isOurTurn: false }), { do: 'nothing' });
  t.same(step('following', 0, {}), { do: 'claim', epoch: 1 });
  t.same(step('following', 0, { owner: ours(1) }), { do: 'take', epoch: 1 });
  t.same(step('restoring', 1, { owner: ours(1), place: 'none', mayMove: true }), { do: 'nothing' });
  t.same(step('serving', 1, { owner: ours(1) }), { do: 'nothing' });
  t.same(step('serving', 1, { owner: ours(1), isStopping: true }), { do: 'nothing' }, 'its next owner is not near');
  t.same(step('serving', 1, { owner: ours(1), isStopping: true, mayMove: true }), { do: 'release' });
  t.same(step('elsewhere', 1, { owner: ours(1), isStopping: true }), { do: 'yield', epoch: 1 });
  t.same(step('elsewhere', 1, { owner: ours(1, true), isStopping: true }), { do: 'nothing' });
  t.same(step('elsewhere', 1, { owner: ours(1) }), { do: 'claim', epoch: 2 }, 'fenced, and still ours');
  t.end();
});

t.test('how often it came back is remembered while it is on its way, until it should be here', async (t) => {
  const course = new Course();
  for (let round = 1; round <= 3; round++) {
    course.taken(round);
    course.notePlaced(true, round);
    course.serving(round, { duplicates: 0, dataLosses: 0 });
    course.notePlaced(true, round);
    t.equal(course.misplacedSince, round);
    course.stage = 'releasing';
    course.notePlaced(true, round);
    t.equal(course.misplacedSince, null);
    course.isHandedOver = true;
    course.noteOwned(true, round);
    t.equal(course.returns, round);
  }
  course.notePlaced(false, 4);
  t.equal(course.returns, 0);
});
