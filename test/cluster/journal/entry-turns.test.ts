import t from 'tap';
import { EntryTurns } from '../../../engine/cluster/journal/entry-turns.js';

/** Work that ends when it is told to, and what has begun so far. */
function setup({ places, waitMsMax }: { readonly places: number; readonly waitMsMax: number }) {
  const turns = new EntryTurns({ places, waitMsMax });
  const begun: string[] = [];
  const ends = new Map<string, { readonly resolve: () => void; readonly reject: (error: Error) => void }>();
  const begin = (name: string): Promise<string> =>
    turns.inTurn(async () => {
      begun.push(name);
      await new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }));
      return name;
    });
  return {
    begun,
    begin,
    end: (name: string) => ends.get(name)!.resolve(),
    fail: (name: string) => ends.get(name)!.reject(new Error(name)),
  };
}

const forEver = 2 ** 30;

t.test('so many are under way at once, and the next one goes when one has ended, in the order in which they came', async (t) => {
  const { begun, begin, end } = setup({ places: 2, waitMsMax: forEver });
  const all = ['a', 'b', 'c', 'd'].map(begin);
  await settled();
  t.same(begun, ['a', 'b']);
  end('b');
  t.equal(await all[1], 'b');
  await settled();
  t.same(begun, ['a', 'b', 'c']);
  end('a');
  await settled();
  t.same(begun, ['a', 'b', 'c', 'd']);
  end('c');
  end('d');
  t.same(await Promise.all(all), ['a', 'b', 'c', 'd']);
});

t.test('work that fails gives its place back', async (t) => {
  const { begun, begin, end, fail } = setup({ places: 1, waitMsMax: forEver });
  const [first, second] = [begin('a'), begin('b')];
  await settled();
  fail('a');
  await t.rejects(first, /^a$/);
  await settled();
  t.same(begun, ['a', 'b']);
  end('b');
  await second;
});

t.test('nobody waits for longer than that, whatever is under way; a place that is over the number is not given on', async (t) => {
  const { begun, begin, end } = setup({ places: 1, waitMsMax: 1 });
  const [first, second] = [begin('a'), begin('b')];
  while (!begun.includes('b')) await new Promise((resolve) => setTimeout(resolve, 1));
  const third = begin('c');
  end('a');
  await first;
  end('b');
  await second;
  while (!begun.includes('c')) await new Promise((resolve) => setTimeout(resolve, 1));
  end('c');
  t.equal(await third, 'c');
});

/** What can go on without anybody's help has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
