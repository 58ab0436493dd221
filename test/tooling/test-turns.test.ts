/** Which test files `npm test` begins when, with cores that are as busy as a test says. */
import t from 'tap';

interface Turn {
  readonly kind: 'clusters' | 'others';
  readonly files: readonly string[];
}

interface Turns {
  look(): void;
  next(): Turn | null;
  ended(kind: Turn['kind']): void;
  readonly isOver: boolean;
}

const module = (await import(new URL('../../../.scripts/test-turns.mjs', import.meta.url).href)) as {
  readonly TestTurns: new (options: object) => Turns;
};

/** `c0`, `c1` ... start clusters, `o0`, `o1` ... do not. */
function setup({
  jobs,
  jobsMax,
  clusters = 20,
  others = 20,
}: {
  jobs: number;
  jobsMax: number;
  clusters?: number;
  others?: number;
}) {
  const times = { idle: 0, all: 0 };
  const named = (name: string, count: number) => Array.from({ length: count }, (_, at) => [`${name}${at}`]);
  const parts = { clusters: named('c', clusters), others: named('o', others) };
  const turns = new module.TestTurns({ ...parts, jobs, jobsMax, coreTimes: () => ({ ...times }) });
  return {
    turns,
    /** All that may begin. */
    begun: (): string => {
      const names: string[] = [];
      for (let turn = turns.next(); turn !== null; turn = turns.next()) names.push(...turn.files);
      return names.join(' ');
    },
    /** Since the last look the cores were busy for so much of the time. */
    look: (busy: number): void => {
      times.all += 1_000;
      times.idle += 1_000 * (1 - busy);
      turns.look();
    },
  };
}

t.test('while the cores are busy no more files run than jobs, half of them with clusters', async (t) => {
  const { turns, begun, look } = setup({ jobs: 4, jobsMax: 8 });
  t.equal(begun(), 'c0 o0 c1 o1');
  look(0.9);
  t.equal(begun(), '');
  turns.ended('others');
  t.equal(begun(), 'o2');
  turns.ended('clusters');
  t.equal(begun(), 'c2');
});

t.test('while the cores idle one more begins at each look, up to a limit; then no more are replaced than jobs', async (t) => {
  const { turns, begun, look } = setup({ jobs: 2, jobsMax: 4, clusters: 0 });
  t.equal(begun(), 'o0 o1');
  look(0.5);
  t.equal(begun(), 'o2');
  t.equal(begun(), '', 'what has just begun is not busy yet');
  look(0.5);
  t.equal(begun(), 'o3');
  look(0.1);
  t.equal(begun(), '', 'that many run at most');
  look(1);
  turns.ended('others');
  turns.ended('others');
  t.equal(begun(), '');
  turns.ended('others');
  t.equal(begun(), 'o4');
});

t.test('where there are as many jobs as are allowed at most, no more ever run', async (t) => {
  const { begun, look } = setup({ jobs: 1, jobsMax: 1 });
  t.equal(begun(), 'c0');
  look(0);
  t.equal(begun(), '');
});

t.test(
  'of files with clusters alone one less runs at a time, even if the cores idle; and it is over when all have ended',
  async (t) => {
    const { turns, begun, look } = setup({ jobs: 3, jobsMax: 6, clusters: 3, others: 1 });
    t.equal(begun(), 'c0 o0 c1');
    turns.ended('others');
    look(0);
    t.equal(begun(), '');
    turns.ended('clusters');
    t.equal(begun(), 'c2');
    turns.ended('clusters');
    t.notOk(turns.isOver);
    turns.ended('clusters');
    t.ok(turns.isOver);
  },
);
