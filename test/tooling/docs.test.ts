/** Started from the root of the project. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
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

t.test('every metric is explained to operators', async (t) => {
  const operations = readFileSync('docs/operations.md', 'utf8');
  const ingestion = { isConnected: true, reconnects: 0 };
  const text = await new Metrics({
    board: new FiguresBoard(),
    version: '0.0.0',
    nats: { counts: noNatsCounts, states: { ingestion } },
  }).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  t.ok(names.length > 20);
  for (const name of names) t.ok(operations.includes(`\`${name}\``), name);
});

t.test('every command is explained to operators', async (t) => {
  const operations = readFileSync('docs/operations.md', 'utf8');
  for (const { name } of commandSet().commands) t.ok(operations.includes(`escapement ${name}`), name);
});
