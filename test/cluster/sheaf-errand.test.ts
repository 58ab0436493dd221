/** New events on their way to an owner that may be another one each time, with owners and a stream that do what each case says. */
import t from 'tap';
import { type Keeping, type OwnerHost, SheafErrand } from '../../engine/cluster/sheaf-errand.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { keptLookMs, ownerAnswersMs } from '../../engine/kernel/limits.js';
import type { NewEventsAsker } from '../../engine/router/open-sheaf.js';
import { OpenSheaf } from '../../engine/router/open-sheaf.js';

const partition = 1 as PartitionId;
const id = mintEventId(partition as never, 1 as never);

class Owner implements Pick<OwnerHost, 'forward'> {
  readonly asked: { readonly again: boolean; readonly sheaf: OpenSheaf }[] = [];
  forward({ again = false, sheaf }: Parameters<OwnerHost['forward']>[0]): void {
    this.asked.push({ again, sheaf });
  }
  accept(): void {
    this.asked.at(-1)!.sheaf.accepted(0, 1);
  }
  refuse(code: 'not-owner' | 'outcome-unknown'): void {
    this.asked.at(-1)!.sheaf.refused(0, new EngineError(code, 'so it is'));
  }
}

function setup() {
  const heard: string[] = [];
  const sheaf = new OpenSheaf(partition);
  const asker: NewEventsAsker = {
    accepted: () => heard.push('accepted'),
    replayed: () => heard.push('replayed'),
    refused: (_, error) => heard.push(error instanceof EngineError ? error.code : 'bug'),
    kept: () => heard.push('kept'),
    eventAt: () => id,
  };
  sheaf.add(asker, 0, 10);
  const world = { now: 0, owner: null as Owner | null, waits: 0, over: 0, store: (_: Keeping): void => undefined };
  const errand = new SheafErrand({
    sheaf,
    events: new Uint8Array(10),
    since: 0,
    owner: () => world.owner as unknown as OwnerHost | null,
    wait: () => world.waits++,
    keep: () =>
      new Promise((resolve) => {
        world.store = resolve;
      }),
    unavailable: () => new EngineError('partition-unavailable', 'nobody'),
    over: () => world.over++,
    monoMs: () => world.now,
  });
  const stored = async (keeping: Keeping): Promise<void> => {
    world.store(keeping);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** As it is two seconds later. */
  const grow = (): void => {
    world.now = ownerAnswersMs;
    errand.tick(world.now);
  };
  const go = (owner: Owner | null): void => errand.go(owner as unknown as OwnerHost | null);
  return { errand, heard, world, stored, grow, go };
}

t.test('without an owner, what is safe is kept', async (t) => {
  const { heard, world, stored, grow, go } = setup();
  go(null);
  t.equal(world.waits, 1);
  grow();
  t.same(heard, [], 'not before it is safe');
  await stored('stored');
  t.same([heard, world.over], [['kept'], 1]);
});

t.test('an owner that takes requests by the time it is safe is asked before anybody hears that it is kept', async (t) => {
  const { heard, world, stored, grow, go } = setup();
  go(null);
  grow();
  world.owner = new Owner();
  await stored('stored');
  t.same(heard, []);
  t.match(world.owner.asked, [{ again: true }], 'it may have been taken in from the stream');
  world.owner.accept();
  t.same([heard, world.over], [['accepted'], 1]);
});

t.test('one that does not take requests yet takes in what was kept before it does', async (t) => {
  const { heard, world, stored, grow, go } = setup();
  go(null);
  grow();
  world.owner = new Owner();
  await stored('stored');
  world.owner.refuse('not-owner');
  t.same([heard, world.over], [['kept'], 1]);
});

t.test('one that does not answer has looked by itself after a while', async (t) => {
  const { errand, heard, world, stored, grow, go } = setup();
  go(null);
  grow();
  world.owner = new Owner();
  await stored('stored');
  errand.tick(world.now + keptLookMs - 1);
  t.same(heard, []);
  errand.tick(world.now + keptLookMs);
  t.same([heard, world.over], [['kept'], 1]);
  world.owner.accept();
  t.same(heard, ['kept'], 'what comes later is nothing new');
});

t.test('one that was asked and is slow has it before whatever is asked from now on', async (t) => {
  const { heard, stored, grow, go } = setup();
  const slow = new Owner();
  go(slow);
  t.match(slow.asked, [{ again: false }]);
  grow();
  await stored('stored');
  t.same(heard, ['kept']);
  t.equal(slow.asked.length, 1);
});

t.test('an owner that is found while it is on its way into the stream is told that it may be there', async (t) => {
  const { heard, grow, go } = setup();
  go(null);
  grow();
  const found = new Owner();
  go(found);
  t.match(found.asked, [{ again: true }]);
  found.accept();
  t.same(heard, ['accepted']);
});

t.test('what is not safe is refused if nobody can have it, and is not known otherwise', async (t) => {
  const refusal = async (keeping: Keeping, before: (go: (owner: Owner | null) => void) => void): Promise<readonly string[]> => {
    const { heard, stored, grow, go } = setup();
    before(go);
    grow();
    await stored(keeping);
    return heard;
  };
  t.same(await refusal('not-stored', (go) => go(null)), ['partition-unavailable']);
  t.same(await refusal('unknown', (go) => go(null)), ['outcome-unknown'], 'it may be in the stream');
  t.same(
    await refusal('not-stored', (go) => go(new Owner())),
    ['outcome-unknown'],
    'somebody who does not answer may decide about it',
  );
  const lost = (go: (owner: Owner | null) => void): void => {
    const owner = new Owner();
    go(owner);
    owner.refuse('outcome-unknown');
  };
  t.same(await refusal('not-stored', lost), ['outcome-unknown'], 'somebody who is gone may have');
});
