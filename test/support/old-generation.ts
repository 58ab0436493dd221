/** What reaches the old generation of the heap, where nothing is collected before all of the heap is marked. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectAll = runInNewContext('gc') as () => void;

/** Runs so many turns, with what was there before in the old generation already. Returns by how many bytes the old generation had grown at most: collections in between may take some of it back. */
export async function mostGrownOld(turns: number, turn: (number: number) => unknown): Promise<number> {
  collectAll();
  const begin = oldBytes();
  let most = 0;
  for (let number = 0; number < turns; number++) {
    await turn(number);
    if (number % 100 === 0) most = Math.max(most, oldBytes() - begin);
  }
  return Math.max(most, oldBytes() - begin);
}

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;
}
