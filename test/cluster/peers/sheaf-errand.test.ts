/** New events on their way to an owner that may be another one each time, with owners and a stream that do what each case says. */
import t from 'tap';
import { type Keeping, type OwnerHost, SheafErrand } from '../../../engine/cluster/peers/sheaf-errand.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { EngineError } from '../../../engine/kernel/errors.js';
import { mintEventId } from '../../../engine/kernel/event-id.js';
import { keptLookMs, keptUnheardMs, ownerAnswersMs } from '../../../engine/kernel/limits.js';
import type { NewEventsAsker } from '../../../engine/router/open-sheaf.js';
import { OpenSheaf } from '../../../engine/router/open-sheaf.js';

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
    wantsViews: true,
    eventAt: () => id,
  };
  sheaf.add(asker, 0, 10);
  const world = { now: 0, waits: 0, over: 0, alone: null as boolean | null, store: (_: Keeping): void => undefined };
  const errand = new SheafErrand({
    sheaf,
    events: new Uint8Array(10),
    since: 0,
    wait: () => world.waits++,
    keep: () =>
      new Promise((resolve) => {
        world.store = resolve;
      }),
    unavailable: () => new EngineError('partition-unavailable', 'nobody'),
    over: (isAlone) => {
      world.over++;
      world.alone = isAlone;
    },
    monoMs: () => world.now,
  });
  const stored = async (keeping: Keeping): Promise<void> => {
    world.store(keeping);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const at = (now: number): void => {
    world.now = now;
    errand.tick(now);
  };
  const go = (owner: Owner | null): void => errand.go(owner as unknown as OwnerHost | null);
  return { heard, world, stored, at, go };
}

/** By then what nobody has answered is given to the stream. */
const givenAt = ownerAnswersMs - keptUnheardMs;

t.test('without an owner it is kept, and its sender hears of it after the time of the contract', async (t) => {
  const { heard, world, stored, at, go } = setup();
  go(null);
  t.equal(world.waits, 1);
  at(givenAt);
  await stored('stored');
  at(ownerAnswersMs - 1);
  t.same(heard, []);
  at(ownerAnswersMs);
  t.same([heard, world.over], [['kept'], 1]);
});

t.test('what became safe late is heard of when an owner that works has found it', async (t) => {
  const { heard, at, stored, go } = setup();
  go(new Owner());
  at(givenAt);
  at(ownerAnswersMs + 1_000);
  await stored('stored');
  at(ownerAnswersMs + 1_000 + keptUnheardMs - 1);
  t.same(heard, []);
  t.ok(keptUnheardMs > keptLookMs, 'it looks more often than that');
  at(ownerAnswersMs + 1_000 + keptUnheardMs);
  t.same(heard, ['kept']);
});

t.test('an owner that is found while it is given to the stream, or is safe, is told that it may be there', async (t) => {
  for (const isSafe of [false, true]) {
    const { heard, world, stored, at, go } = setup();
    go(null);
    at(givenAt);
    if (isSafe) await stored('stored');
    const found = new Owner();
    go(found);
    t.match(found.asked, [{ again: true }]);
    found.accept();
    t.same([heard, world.over], [['accepted'], 1]);
    at(ownerAnswersMs + keptUnheardMs);
    t.same(heard, ['accepted'], 'nothing comes behind it');
  }
});

t.test('an answer that comes when it is kept is nothing new', async (t) => {
  const { heard, stored, at, go } = setup();
  const slow = new Owner();
  go(slow);
  t.match(slow.asked, [{ again: false }]);
  at(givenAt);
  await stored('stored');
  at(ownerAnswersMs);
  slow.accept();
  t.same(heard, ['kept']);
});

t.test('what is not safe is refused if nobody can have it, and is not known otherwise', async (t) => {
  const refusal = async (keeping: Keeping, before: (go: (owner: Owner | null) => void) => void): Promise<readonly string[]> => {
    const { heard, stored, at, go } = setup();
    before(go);
    at(givenAt);
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

t.test("only what one owner alone was asked, and has answered, is in nobody else's hands", async (t) => {
  const answered = setup();
  const owner = new Owner();
  answered.go(owner);
  owner.accept();
  t.equal(answered.world.alone, true);

  const twice = setup();
  const second = new Owner();
  const first = new Owner();
  twice.go(first);
  first.refuse('outcome-unknown');
  t.equal(twice.world.alone, null);
  twice.go(second);
  second.accept();
  t.equal(twice.world.alone, false, 'the first one may still have it');

  const given = setup();
  const slow = new Owner();
  given.go(slow);
  given.at(givenAt);
  slow.accept();
  t.equal(given.world.alone, false, 'it is on its way into the stream');

  const left = setup();
  left.go(new Owner());
  left.at(givenAt);
  await left.stored('not-stored');
  t.equal(left.world.alone, false, 'the owner has not answered');
});
