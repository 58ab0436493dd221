/**
 * `npm run cluster`: a cluster of processes on this machine, to try it out: one nats-server, engines and gateways, on free ports of loopback.
 *
 *   npm run cluster
 *   npm run cluster -- --engines 3 --gateways 1 --data-dir /tmp/cluster
 *
 * It says where they are when the engines have shared the partitions. Warnings are shown, everything is in their logs. Ctrl-C stops gateways, engines and
 * NATS, in this order; a second one at once. What was accepted is there after the next start. A process that ends by itself or is killed is named, and
 * the others go on: that is what a cluster is for.
 *
 * One nats-server is enough to see engines take over from each other, and its disk is one. docker-compose.yml starts three.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Members } from './members.mjs';
import { fetchNatsServer } from './nats-server.mjs';
import { prepare } from './prepare.mjs';
import { command, PreparationError, root, step } from './step.mjs';

const shareMsMax = 60_000;
const lookEveryMs = 200;

/** Few enough that a laptop keeps them twice. Written down when the cluster begins; afterwards only the same number is taken. */
const usualPartitions = '16';

/** Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. Nobody presses it this fast. */
const sameSignalMs = 500;

const members = new Members();

await command(async () => {
  const options = readOptions(process.argv.slice(2));
  await prepare();
  const natsServer = await fetchNatsServer();
  stopOnSignal();
  try {
    await start(options, natsServer);
  } catch (error) {
    // Whoever stops it while it starts knows why it does not.
    if (members.isStopping) return;
    await stop();
    throw error;
  }
});

function readOptions(args) {
  const options = { dataDir: 'data-cluster', engines: 2, gateways: 2 };
  for (let at = 0; at < args.length; at += 2) {
    const [flag, value] = [args[at], args[at + 1]];
    const number = /^[1-9]$/.test(value ?? '') ? Number(value) : null;
    if (flag === '--data-dir' && value) options.dataDir = resolve(value);
    else if (flag === '--engines' && number !== null) options.engines = number;
    else if (flag === '--gateways' && number !== null) options.gateways = number;
    else throw new PreparationError('options: --data-dir <folder>, --engines 1-9, --gateways 1-9');
  }
  return { ...options, dataDir: resolve(root, options.dataDir) };
}

async function start({ dataDir, engines, gateways }, natsServer) {
  mkdirSync(join(dataDir, 'logs'), { recursive: true });
  const nats = await startNats(dataDir, natsServer);
  const names = { engine: named('engine', engines), gateway: named('gateway', gateways) };
  const startAll = (role) => Promise.all(names[role].map((name) => startNode({ role, name, dataDir, natsUrl: nats.url })));
  const nodes = await Promise.all(['engine', 'gateway'].map(startAll));
  const [gateway] = nodes[1];
  await step(`${engines} engines share the partitions`, () => untilShared(gateway.url, names.engine));
  if (!members.isStopping) console.log(guide({ processes: [...nodes.flat(), nats], gateway, dataDir }));
}

function named(role, count) {
  return Array.from({ length: count }, (_, at) => `${role}-${at + 1}`);
}

async function startNats(dataDir, program) {
  const dir = join(dataDir, 'nats');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'nats.conf');
  const store = JSON.stringify(join(dir, 'store'));
  // Port -1: any free one.
  writeFileSync(file, `listen: "127.0.0.1:-1"\njetstream { store_dir: ${store}, sync_interval: always }\n`);
  const { match, pid } = await members.start({
    name: 'nats',
    role: 'nats',
    line: [program, '--config', file],
    logFile: join(dataDir, 'logs/nats.log'),
    ready: /Listening for client connections on (\S+)/,
    isShown: (text) => /\[(ERR|FTL)\]/.test(text),
  });
  return { name: 'nats', url: `nats://${match[1]}`, pid };
}

async function startNode({ role, name, dataDir, natsUrl }) {
  const place = role === 'engine' ? ['--data-dir', join(dataDir, name)] : [];
  const flags = ['--v8-pool-size=0', join(root, 'build/gateway/main.js'), role, '--port', '0', ...place];
  const env = {
    ESCAPEMENT_PARTITIONS: usualPartitions,
    ...process.env,
    ESCAPEMENT_LOG_FORMAT: 'pretty',
    ESCAPEMENT_NATS_URL: natsUrl,
    ESCAPEMENT_CLUSTER: 'true',
    ESCAPEMENT_NODE_ID: name,
  };
  const { match, pid } = await members.start({
    name,
    role,
    line: [process.execPath, ...flags],
    env,
    logFile: join(dataDir, `logs/${name}.log`),
    ready: /^Escapement listening on (http:\S+)$/,
    // Warnings, errors and the stacks that follow them.
    isShown: (text) => !/^\S+ (INFO|DEBUG|TRACE) |^Escapement listening/.test(text),
  });
  return { name, url: match[1], pid };
}

/** Every partition is served, and every engine has some. Goes on for ever only if somebody stops it. */
async function untilShared(url, engines) {
  const deadline = performance.now() + shareMsMax;
  while (!members.isStopping) {
    const answer = await fetch(`${url}/api/v1/cluster`);
    const { nodes, partitions } = await answer.json();
    const isServed = partitions.every(({ owner, last_takeover_ms }) => owner !== null && last_takeover_ms !== null);
    // None has more than its share, rounded up; so the last one may have less than that, rounded down.
    const most = Math.ceil(partitions.length / engines.length);
    const share = Math.max(1, partitions.length - most * (engines.length - 1));
    const isFair = engines.every((name) => nodes.some(({ id, partitions }) => id === name && partitions.length >= share));
    if (isServed && isFair) return;
    if (performance.now() > deadline) throw new PreparationError(`they do not: ${JSON.stringify({ nodes })}`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** The event needs no receiver: it asks a gateway's own health page, five seconds from now. */
function guide({ processes, gateway: { url }, dataDir }) {
  const event = JSON.stringify({ delay: '5s', method: 'GET', destination: `${url}/health/live` });
  const rows = processes.map(({ name, url, pid }) => `  ${name.padEnd(11)}${url.padEnd(26)}process ${pid}`);
  return [
    '',
    ...rows,
    `  data       ${dataDir}`,
    `  logs       ${join(dataDir, 'logs')}`,
    '  stop       Ctrl-C',
    '',
    '  An event that leaves in 5 seconds, through one gateway or another; /api/v1/events/<id>/history shows what became of it:',
    '',
    `  curl -s -X POST ${url}/api/v1/events -H 'content-type: application/json' -d '${event}'`,
    '',
    '  Who has which partition, and who takes over when its process is killed:',
    '',
    `  curl -s ${url}/api/v1/cluster`,
    `  kill -9 ${processes[0].pid}`,
    '',
  ].join('\n');
}

function stopOnSignal() {
  let stoppingSince = null;
  const onSignal = () => {
    if (stoppingSince === null) {
      stoppingSince = performance.now();
      void stop().then(() => process.exit(0));
    } else if (performance.now() - stoppingSince > sameSignalMs) members.kill();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
}

/** Who is asked for something outlives those who ask. */
async function stop() {
  await step('stopping gateways, engines, NATS', () => members.stop(['gateway', 'engine', 'nats']));
}
