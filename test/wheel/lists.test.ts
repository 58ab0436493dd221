import t from 'tap';
import { chunkRows, Entries, handleOf, isEntry } from '../../engine/wheel/entries.js';
import { listOf, placeOf } from '../../engine/wheel/geometry.js';
import { Lists } from '../../engine/wheel/lists.js';
import { Occupancy } from '../../engine/wheel/occupancy.js';
import { Random } from './random.js';

function setup() {
  const entries = new Entries();
  const occupancy = new Occupancy();
  const lists = new Lists(entries, occupancy);
  const contents = (list: number): number[] => {
    const handles: number[] = [];
    if (!occupancy.has(list)) return handles;
    for (let link = lists.first(list); isEntry(link); link = entries.nextAt(handleOf(link))) handles.push(handleOf(link));
    return handles;
  };
  return { entries, lists, contents };
}

t.test('lists behave like arrays under any mix of appending, leaving, joining and dropping from the front', (t) => {
  const { entries, lists, contents } = setup();
  const random = new Random(4);
  // Handles on both sides of a chunk's end.
  const handles = Array.from({ length: 40 }, (_, index) => chunkRows - 20 + index);
  entries.reserve(chunkRows + 20);
  const numbers = [listOf(placeOf(1, 0), 0), listOf(placeOf(1, 0), 9), listOf(placeOf(8, 511), 5)];
  const model = new Map<number, number[]>(numbers.map((list) => [list, []]));
  const free = new Set(handles);

  for (let step = 0; step < 20_000; step++) {
    const list = random.pick(numbers);
    const array = model.get(list)!;
    const action = random.below(4);
    if (action === 0 && free.size > 0) {
      const handle = random.pick([...free]);
      free.delete(handle);
      lists.append(handle, list);
      array.push(handle);
    } else if (action === 1 && array.length > 0) {
      const [handle] = array.splice(random.below(array.length), 1);
      lists.unlink(handle!);
      free.add(handle!);
    } else if (action === 2 && array.length > 0) {
      const to = random.pick(numbers.filter((other) => other !== list));
      lists.join(list, to);
      model.get(to)!.push(...array.splice(0));
    } else if (action === 3 && array.length > 0) {
      const dropped = array.splice(0, random.below(array.length + 1));
      let link = lists.first(list);
      for (const handle of dropped) {
        link = entries.nextAt(handle);
        free.add(handle);
      }
      lists.dropUntil(link, list);
    }
    for (const number of numbers) {
      if (contents(number).join() !== model.get(number)!.join())
        t.fail(`step ${step}: ${contents(number)} is not ${model.get(number)}`);
    }
  }
  t.end();
});

t.test('rows come in whole chunks but for the first few, and earlier ones stay what they are', (t) => {
  const { entries } = setup();
  entries.reserve(0);
  t.equal(entries.rows, chunkRows / 64);
  entries.setDeadline(3, 2 ** 50 + 1);
  entries.reserve(3 * chunkRows);
  t.equal(entries.rows, 4 * chunkRows);
  t.equal(entries.deadlineAt(3), 2 ** 50 + 1);
  t.notOk(entries.has(3), 'a row without a place is not in the wheel');
  t.notOk(entries.has(9 * chunkRows), 'nor is one that was never reserved');
  t.end();
});

t.test('entries keep what they have while their first chunk grows, and there is none without a row', (t) => {
  const entries = new Entries();
  t.equal(entries.has(0), false);
  const handles = [0, 1_023, 1_024, 4_095, 4_096, 16_384, chunkRows - 1, chunkRows, 3 * chunkRows];
  for (const [at, handle] of handles.entries()) {
    entries.reserve(handle);
    entries.setDeadline(handle, 1e12 + at);
    entries.setNext(handle, at + 1);
    entries.setPrevious(handle, -at);
    entries.setPlace(handle, at + 3);
    t.equal(entries.has(entries.rows), false, `beyond ${entries.rows} rows`);
  }
  for (const [at, handle] of handles.entries()) {
    t.ok(entries.has(handle));
    const { deadline, next, previous, place } = {
      deadline: entries.deadlineAt(handle),
      next: entries.nextAt(handle),
      previous: entries.previousAt(handle),
      place: entries.placeAt(handle),
    };
    t.same({ deadline, next, previous, place }, { deadline: 1e12 + at, next: at + 1, previous: -at, place: at + 3 });
  }
  entries.clear();
  t.equal(entries.has(0), false);
  t.end();
});
