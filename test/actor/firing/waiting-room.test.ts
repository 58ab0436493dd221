import t from 'tap';
import { stampOf } from '../../../engine/actor/firing/host-row.js';
import { WaitingRoom } from '../../../engine/actor/firing/waiting-room.js';
import type { Handle, Sequence } from '../../../engine/kernel/brand.js';
import { Random } from '../../wheel/random.js';

const bodySeq = 1 as Sequence;
const origins = ['https://a.test', 'https://b.test', 'local:c'];

interface Entry {
  readonly origin: string;
  readonly actor: number;
  readonly handle: number;
  readonly priority: number;
  readonly order: number;
}

/** The room beside a plain list of who waits. */
function setup() {
  const waiting: Entry[] = [];
  const find = (actor: number, handle: number) => waiting.find((entry) => entry.actor === actor && entry.handle === handle);
  const room = new WaitingRoom((hint, origin) => find(hint.actor, hint.handle)?.origin === origin);
  let order = 0;
  return {
    room,
    waiting,
    find,
    enter(origin: string, { actor = 0, handle, priority = 5 }: { actor?: number; handle: number; priority?: number }) {
      waiting.push({ origin, actor, handle, priority, order: order++ });
      room.enter(origin, { actor, handle: handle as Handle, priority, bodySeq });
    },
    leave(entry: Entry) {
      waiting.splice(waiting.indexOf(entry), 1);
      room.leave(entry.origin);
    },
    /** As an actor does: who was taken waits no longer. */
    take(origin: string) {
      const taken = room.take(origin);
      if (taken !== null) waiting.splice(waiting.indexOf(find(taken.actor, taken.handle)!), 1);
      return taken;
    },
    next(origin: string) {
      const own = waiting.filter((entry) => entry.origin === origin);
      return own.sort((one, other) => other.priority - one.priority || one.order - other.order)[0] ?? null;
    },
  };
}

t.test('the highest priority goes first, among equals who came first', async (t) => {
  const { enter, take } = setup();
  for (const [handle, priority] of [
    [1, 5],
    [2, 9],
    [3, 5],
    [4, 0],
    [5, 9],
  ] as const) {
    enter('o', { handle, priority });
  }
  t.same(
    Array.from({ length: 6 }, () => take('o')?.handle ?? null),
    [2, 5, 1, 3, 4, null],
  );
});

t.test('priority holds over the partitions of a host, and a number names the actor', async (t) => {
  const { enter, take } = setup();
  enter('o', { actor: 3, handle: 2 ** 26 - 1, priority: 1 });
  enter('o', { actor: 1_000, handle: 0, priority: 2 });
  t.same(take('o'), { actor: 1_000, handle: 0 });
  t.same(take('o'), { actor: 3, handle: 2 ** 26 - 1 });
});

t.test('who left is passed over, whatever its place in the queue', async (t) => {
  const { enter, take, leave, find, room } = setup();
  for (let handle = 0; handle < 6; handle++) enter('o', { handle });
  for (const handle of [0, 3, 5]) leave(find(0, handle)!);
  t.equal(room.count('o'), 3);
  t.same(
    Array.from({ length: 4 }, () => take('o')?.handle ?? null),
    [1, 2, 4, null],
  );
  t.equal(room.size, 0);
  t.same([...room.origins()], []);
});

t.test('a queue of cancelled entries is swept: memory follows who waits, not who has waited', async (t) => {
  let asked = 0;
  const standing = new Set<number>();
  const room = new WaitingRoom(({ handle }) => {
    asked++;
    return standing.has(handle);
  });
  standing.add(1);
  room.enter('o', { actor: 0, handle: 1 as Handle, priority: 5, bodySeq });
  for (let handle = 2; handle < 20_000; handle++) {
    standing.add(handle);
    room.enter('o', { actor: 0, handle: handle as Handle, priority: 5, bodySeq });
    standing.delete(handle);
    room.leave('o');
  }
  asked = 0;
  t.same(room.take('o'), { actor: 0, handle: 1 });
  t.equal(room.take('o'), null);
  t.ok(asked < 2_100, `asked about ${asked} entries`);
});

t.test('it agrees with a sorted list over random comings and goings', async (t) => {
  const wrong: string[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const { room, waiting, enter, leave, take, next, find } = setup();
    for (let step = 0; step < 2_500; step++) {
      const origin = random.pick(origins);
      const dice = random.below(10);
      if (dice < 5) {
        const entry = { actor: random.below(3), handle: random.below(300), priority: random.below(10) };
        // A row that is used again finds its old entry in the queue: then it may stand further ahead than it should.
        if (find(entry.actor, entry.handle) === undefined) enter(origin, { ...entry, handle: step * 300 + entry.handle });
      } else if (dice < 7 && waiting.length > 0) {
        leave(random.pick(waiting));
      } else {
        const expected = next(origin);
        const taken = take(origin);
        if (taken?.handle !== expected?.handle || taken?.actor !== expected?.actor) {
          wrong.push(`seed ${seed}, step ${step}: took ${taken?.handle}, expected ${expected?.handle}`);
        }
      }
      if (room.size !== waiting.length) wrong.push(`seed ${seed}, step ${step}: size ${room.size}, expected ${waiting.length}`);
    }
    for (const origin of origins) {
      const own = waiting.filter((entry) => entry.origin === origin).length;
      if (room.count(origin) !== own) wrong.push(`seed ${seed}: ${origin} counts ${room.count(origin)}, expected ${own}`);
    }
    const heads = new Set<string>();
    room.forEachHead(({ actor, handle }) => heads.add(`${actor}:${handle}`));
    for (const origin of origins) {
      for (let priority = 0; priority < 10; priority++) {
        const own = waiting.filter((entry) => entry.origin === origin && entry.priority === priority);
        const first = own.sort((one, other) => one.order - other.order)[0];
        if (first !== undefined && !heads.has(`${first.actor}:${first.handle}`)) wrong.push(`seed ${seed}: a head is missing`);
      }
    }
  }
  t.same(wrong.slice(0, 3), []);
});

t.test('a row that is used again while its old entry stands is handed out once', async (t) => {
  const { enter, leave, take, find, room } = setup();
  enter('o', { handle: 7 });
  leave(find(0, 7)!);
  enter('o', { handle: 7 });
  enter('o', { handle: 8 });
  t.equal(room.count('o'), 2);
  t.same([take('o')?.handle, take('o')?.handle, take('o')], [7, 8, null]);
});

t.test('an event that was changed while it waited has one turn only, in its new place', async (t) => {
  const handle = 1 as Handle;
  let stamp = stampOf(10 as Sequence);
  let isWaiting = true;
  const room = new WaitingRoom((hint) => hint.handle !== handle || (isWaiting && hint.stamp === stamp));
  const origin = origins[0]!;
  room.enter(origin, { actor: 0, handle, priority: 9, bodySeq: 10 as Sequence });
  room.enter(origin, { actor: 0, handle: 2 as Handle, priority: 5, bodySeq: 11 as Sequence });
  stamp = stampOf(12 as Sequence);
  room.leave(origin);
  room.enter(origin, { actor: 0, handle, priority: 1, bodySeq: 12 as Sequence });
  t.match(room.take(origin), { handle: 2 });
  t.match(room.take(origin), { handle: 1 });
  isWaiting = false;
  t.equal(room.take(origin), null);
  t.equal(room.size, 0);
});

t.test('who is next can be asked, in order of priority, without taking anybody', async (t) => {
  const { room, enter } = setup();
  for (let handle = 0; handle < 40; handle++) enter(origins[0]!, { handle, priority: handle % 2 === 0 ? 3 : 7 });
  const next: number[] = [];
  room.forEachNext(origins[0]!, 25, ({ handle }) => next.push(handle));
  t.same(next, [...Array.from({ length: 20 }, (_, at) => 2 * at + 1), 0, 2, 4, 6, 8]);
  t.equal(room.count(origins[0]!), 40);
  room.forEachNext(origins[1]!, 5, () => t.fail('nobody waits there'));
});
