/** Started from the root of the project. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { ClusterCounts } from '../../engine/observe/cluster-counts.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { Metrics } from '../../engine/observe/metrics.js';
import { noNatsCounts } from '../../engine/observe/nats-counts.js';
import { commandSet } from '../../gateway/commands.js';

const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
]
  .filter((page) => page.endsWith('.md'))
  .sort();

t.test('every link between pages leads somewhere', async (t) => {
  for (const page of pages) {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target!);
    for (const target of links) t.ok(existsSync(join(dirname(page), target)), `${page}: ${target}`);
  }
});

t.test('every decision is listed', async (t) => {
  const index = readFileSync('docs/decisions/README.md', 'utf8');
  for (const record of readdirSync('docs/decisions')) {
    if (record !== 'README.md') t.ok(index.includes(`(${record})`), record);
  }
});

t.test('files that pages name are there', async (t) => {
  for (const page of pages) {
    const named = [
      ...readFileSync(page, 'utf8').matchAll(
        /`((?:engine|gateway|test|bench|docs|\.scripts|\.config)\/[\w./-]+\.(?:ts|mjs|cjs|json|md))`/g,
      ),
    ];
    for (const [, file] of named) t.ok(existsSync(file!), `${page}: ${file}`);
  }
});

t.test('tests that are quoted by their titles have these', async (t) => {
  const cells = [...readFileSync('docs/api/evidence.md', 'utf8').matchAll(/`(test\/[\w./-]+\.test\.ts)`((?:,? "[^"]+")+)/g)];
  t.ok(cells.length > 40);
  for (const [, file, titles] of cells) {
    const text = readFileSync(file!, 'utf8');
    for (const [, title] of titles!.matchAll(/"([^"]+)"/g)) t.ok(text.includes(`t.test('${title}'`), `${file}: ${title}`);
  }
});

t.test('every fault has its tests, which name it, and no test names another', async (t) => {
  const rows = [...readFileSync('docs/testing.md', 'utf8').matchAll(/^\| F(\d+) \|.*\| (.*) \|$/gm)];
  t.same(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: 40 }, (_, at) => at + 1),
  );
  const naming = faultsNamedByTests();
  for (const [, number, shownBy] of rows) {
    const listed = [...shownBy!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!).sort();
    if (listed.length === 0) t.match(shownBy, /^not yet: /, `F${number} has a test, or says why not`);
    t.same(listed, naming.get(Number(number)) ?? [], `F${number}`);
  }
});

/** Files of tests by the faults that they name, `F29-F31` being three. */
function faultsNamedByTests(): Map<number, string[]> {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((name) =>
    join('test', name).replaceAll('\\', '/'),
  );
  const naming = new Map<number, string[]>();
  for (const file of files.filter((name) => name.endsWith('.ts') && name !== 'test/tooling/docs.test.ts').sort()) {
    const named = new Set<number>();
    for (const [, first, last] of readFileSync(file, 'utf8').matchAll(/\bF(\d{1,2})\b(?:-F(\d{1,2})\b)?/g)) {
      for (let fault = Number(first); fault <= Number(last ?? first); fault++) named.add(fault);
    }
    for (const fault of named) naming.set(fault, [...(naming.get(fault) ?? []), file]);
  }
  return naming;
}

t.test('every metric is explained to operators', async (t) => {
  const operations = readFileSync('docs/operations.md', 'utf8');
  const ingestion = { isConnected: true, reconnects: 0 };
  const text = await new Metrics({
    board: new FiguresBoard(),
    version: '0.0.0',
    nats: { counts: noNatsCounts, states: { ingestion } },
    cluster: () => ({ counts: new ClusterCounts(), isJoined: true, nodes: 1, unowned: 0, stages: () => ({}), lags: () => [] }),
  }).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  t.ok(names.length > 20);
  for (const name of names) t.ok(operations.includes(`\`${name}\``), name);
});

t.test('every command is explained to operators', async (t) => {
  const operations = readFileSync('docs/operations.md', 'utf8');
  for (const { name } of commandSet().commands) t.ok(operations.includes(`escapement ${name}`), name);
});
