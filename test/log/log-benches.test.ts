/** The benches of the log, small: they run, and their figures are figures. */
import t from 'tap';
import { run as append } from '../../bench/micro/log-append.bench.js';
import { run as replay } from '../../bench/micro/log-replay.bench.js';

t.test('the append bench measures each size of commit', (t) => {
  const results = append({ size: 2_000 });
  t.same(
    results.map(({ recordsPerCommit }) => recordsPerCommit),
    [1, 10, 100, 1_000],
  );
  for (const { recordsPerSecond, commitsPerSecond } of results) t.ok(recordsPerSecond > 0 && commitsPerSecond > 0);
  t.end();
});

t.test('the replay bench reads all that was written', (t) => {
  t.match(replay({ size: 2_000 }), [{ records: 2_000 }, { records: 2_000 }]);
  t.end();
});
