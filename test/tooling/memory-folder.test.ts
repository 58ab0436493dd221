/** What a run of the tests leaves in memory when it is killed, and the next one. */
import { existsSync, mkdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

const { sweep } = (await import(new URL('../../../.scripts/memory-folder.mjs', import.meta.url).href)) as {
  readonly sweep: (place: string) => void;
};

t.test('the folders of dead runs are removed, those of living ones and what is not ours stay', async (t) => {
  const place = t.testdir();
  const dead = spawnSync(process.execPath, ['--version']).pid;
  const folders = [
    `escapement-tests-${dead}-aB3xYz`,
    `escapement-tests-${process.pid}-aB3xYz`,
    `others-${dead}-1`,
    'escapement-tests-x',
  ];
  for (const folder of folders) mkdirSync(join(place, folder, 'data'), { recursive: true });
  sweep(place);
  t.same(
    folders.filter((folder) => existsSync(join(place, folder, 'data'))),
    folders.slice(1),
  );
});
