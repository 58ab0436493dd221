/** `docs/deploy/prometheus` and `docs/deploy/grafana` ask for what `/metrics` of a running server has, and every alert is explained. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { ClusterCounts } from '../../engine/observe/cluster-counts.js';
import { FiguresBoard } from '../../engine/observe/figures-board.js';
import { Metrics } from '../../engine/observe/metrics.js';
import { until } from '../support/deadline.js';
import { startServer } from '../support/server.js';
import { readCompose, readYaml } from './compose-file.js';

const boardsFolder = 'docs/deploy/grafana/boards';
const alertsFile = 'docs/deploy/prometheus/alerts.yml';

interface Board {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly datasource?: { readonly uid: string };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const boards = readdirSync(boardsFolder).map((name) => JSON.parse(readFileSync(join(boardsFolder, name), 'utf8')) as Board);
const rules = readYaml<{ groups: readonly { rules: readonly Rule[] }[] }>(alertsFile).groups.flatMap((group) => group.rules);

/** Made by Prometheus itself for each target. */
const ofPrometheus = ['up', 'scrape_duration_seconds'];
/** Put to every sample when it is scraped. */
const labelsOfScrapes = ['instance', 'job'];

/** By name of the metric as it is asked for: its labels, and the values of each. */
type Shown = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** NATS is configured, and away: its families are there. Those of a cluster are what a member of one would show. */
async function shownBy(t: Test): Promise<Shown> {
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: 'nats://127.0.0.1:1' } });
  const scrape = async () => (await server.client.get('/metrics')).text;
  // Couriers and disks report about once a second.
  await until(
    'all have reported',
    async () => /^escapement_disk_free_bytes \d/m.test(await scrape()) && /^escapement_breakers\{/m.test(await scrape()),
  );
  const shown = new Map<string, Map<string, Set<string>>>();
  for (const [, name, text = ''] of `${await scrape()}\n${await clusterText()}`.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const labels = shown.get(name!) ?? new Map<string, Set<string>>();
    for (const [, label, value] of text.matchAll(/(\w+)="([^"]*)"/g))
      labels.set(label!, (labels.get(label!) ?? new Set()).add(value!));
    shown.set(name!, labels);
  }
  return shown;
}

function clusterText(): Promise<string> {
  const stages = () => ({ serving: 1, following: 1 });
  const cluster = {
    counts: new ClusterCounts(),
    isJoined: true,
    nodes: 1,
    unowned: 0,
    stages,
    lags: () => [[0 as PartitionId, 0] as const],
  };
  return new Metrics({ board: new FiguresBoard(), version: '0.0.0', nats: null, cluster: () => cluster }).text();
}

/** What an expression asks for that is not shown. */
function unknownIn(expr: string, shown: Shown): string[] {
  const unknown: string[] = [];
  for (const [, name, matchers = ''] of expr.matchAll(/\b((?:escapement|process|nodejs|scrape)_[a-z_]+|up\b)(?:\{([^}]*)\})?/g)) {
    if (ofPrometheus.includes(name!)) continue;
    const labels = shown.get(name!);
    if (labels === undefined) unknown.push(name!);
    for (const [, label, , value] of matchers.matchAll(/(\w+)(=~|=)"([^"]*)"/g)) {
      if (labelsOfScrapes.includes(label!)) continue;
      if (!labels?.get(label!)?.has(value!)) unknown.push(`${name}{${label}="${value}"}`);
    }
  }
  return unknown;
}

t.test('every metric and label that a board or an alert asks for is shown by a running server', async (t) => {
  const shown = await shownBy(t);
  t.ok(shown.size > 30);
  t.same(unknownIn('escapement_wrong{a="b"} + escapement_breakers{state="shut"}', shown).length, 3, 'a wrong one is found');
  for (const { alert, expr } of rules) t.same(unknownIn(expr, shown), [], alert);
  for (const { title, panels, annotations } of boards) {
    for (const { expr } of annotations.list) t.same(unknownIn(expr, shown), [], `${title}: annotations`);
    for (const panel of panels) {
      for (const { expr } of panel.targets ?? []) t.same(unknownIn(expr, shown), [], `${title}: ${panel.title}`);
    }
  }
});

t.test('what is shown is on a board', async (t) => {
  const asked = boards.flatMap(({ panels }) => panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))).join('\n');
  const names = [...readFileSync('docs/operations.md', 'utf8').matchAll(/`(escapement_[a-z_]+)`/g)].map(([, name]) => name!);
  t.ok(names.length > 20);
  for (const name of new Set(names)) t.ok(asked.includes(name), name);
});

t.test('boards have ids of their own, and the data source that is provisioned', async (t) => {
  const { datasources } = readYaml<{ datasources: readonly { uid: string }[] }>(
    'docs/deploy/grafana/provisioning/datasources/prometheus.yml',
  );
  const { providers } = readYaml<{ providers: readonly { options: { path: string } }[] }>(
    'docs/deploy/grafana/provisioning/dashboards/escapement.yml',
  );
  const { volumes, environment } = readCompose().services['grafana']!;
  t.ok(volumes!.includes(`./${boardsFolder}:${providers[0]!.options.path}:ro`));
  const home = environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!;
  t.ok(existsSync(home.replace(providers[0]!.options.path, boardsFolder)), home);
  t.equal(new Set(boards.map(({ uid }) => uid)).size, 3);
  for (const { title, panels } of boards) {
    t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, title);
    for (const { datasource } of panels) if (datasource !== undefined) t.equal(datasource.uid, datasources[0]!.uid, title);
  }
});

t.test('every alert is explained to operators, and every one that is explained exists', async (t) => {
  const explained = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, name]) => name!);
  t.same(explained.sort(), rules.map(({ alert }) => alert).sort());
  for (const { alert, labels, annotations } of rules) {
    t.match(labels.severity, /^(page|ticket)$/, alert);
    t.ok(annotations.summary.length > 0, alert);
  }
});

const promtool = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'promtool'))
  .find((path) => existsSync(path));
const needsPromtool = { skip: promtool === undefined && 'no promtool on PATH: it comes with Prometheus' };

t.test('Prometheus takes its configuration, and alerts fire when they should', needsPromtool, async (t) => {
  for (const args of [
    ['check', 'config', 'docs/deploy/prometheus/prometheus.yml'],
    ['check', 'rules', '--lint=all', '--lint-fatal', alertsFile],
    ['test', 'rules', 'test/deploy/alerts.yml'],
  ]) {
    const { status, stdout, stderr } = spawnSync(promtool!, args, { encoding: 'utf8' });
    t.equal(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`);
  }
});
