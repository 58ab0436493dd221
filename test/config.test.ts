import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Config, configFrom, defaultConfig, type Role, roles, settings, settingsOf } from '../engine/config.js';
import { StartError } from '../engine/kernel/errors.js';
import { readSettings, type Table, variableOf } from '../engine/settings.js';

function configOf(env: Record<string, string> = {}, cores = 4, role: Role = 'serve'): Config {
  return configFrom(readSettings<Table>(settingsOf[role], { flags: new Map(), env }), { role, cwd: '/srv/escapement', cores });
}

t.test('without flags and environment it serves on loopback with the documented defaults', async (t) => {
  t.same(configOf(), {
    role: 'serve',
    cluster: null,
    host: '127.0.0.1',
    port: 8080,
    tls: null,
    apiKeys: null,
    dataDir: '/srv/escapement/data',
    partitions: 4,
    actorThreads: 3,
    durability: 'fsync',
    retentionDays: 7,
    webhookSecrets: [],
    egress: 'network',
    egressAllow: [],
    originConcurrency: 64,
    breaker: true,
    recoveryRate: 1_000,
    replayWindow: 100_000,
    nats: null,
    insecure: false,
    logLevel: 'info',
    logFormat: 'json',
  });
});

t.test('actor threads follow the cores, but are never more than the partitions', async (t) => {
  t.equal(configOf({}, 1).actorThreads, 1);
  t.equal(configOf({}, 2).actorThreads, 1);
  t.equal(configOf({}, 64).actorThreads, 4);
  t.equal(configOf({ ESCAPEMENT_ACTOR_THREADS: '2' }, 64).actorThreads, 2);
  t.throws(() => configOf({ ESCAPEMENT_ACTOR_THREADS: '5' }), StartError);
});

t.test('a cluster needs NATS, and the roles that share work need a cluster', async (t) => {
  const nats = { ESCAPEMENT_NATS_URL: 'nats://n1' };
  t.throws(() => configOf({ ESCAPEMENT_CLUSTER: 'true' }), { message: /^ESCAPEMENT_CLUSTER=true needs ESCAPEMENT_NATS_URL: / });
  t.match(configOf({ ...nats, ESCAPEMENT_CLUSTER: 'true' }), { role: 'serve', cluster: { nodeId: null, partitions: null } });
  t.equal(configOf({ ...nats, ESCAPEMENT_CLUSTER: 'false' }).cluster, null);
  for (const role of ['gateway', 'engine'] as const) {
    t.throws(() => configOf({}, 4, role), { message: new RegExp(`^"escapement ${role}" needs ESCAPEMENT_NATS_URL: `) });
    const { cluster, ...config } = configOf({ ...nats, ESCAPEMENT_NODE_ID: 'node-1.a_B' }, 4, role);
    t.same(cluster, { nodeId: 'node-1.a_B', partitions: null });
    t.equal(config.role, role);
  }
  for (const name of ['a b', 'a/b', 'é', 'n'.repeat(65)]) {
    t.throws(() => configOf({ ESCAPEMENT_NODE_ID: name }), { message: /^ESCAPEMENT_NODE_ID must be/ }, name);
  }
});

t.test('a cluster has 64 partitions unless its record or its operator says otherwise', async (t) => {
  const cluster = { ESCAPEMENT_NATS_URL: 'nats://n1', ESCAPEMENT_CLUSTER: 'true' };
  t.match(configOf(cluster), { partitions: 64, cluster: { partitions: null } });
  t.match(configOf({ ...cluster, ESCAPEMENT_PARTITIONS: '8' }), { partitions: 8, cluster: { partitions: 8 } });
  t.equal(configOf(cluster, 16).actorThreads, 15);
  const threads = { ...cluster, ESCAPEMENT_ACTOR_THREADS: '100' };
  t.throws(() => configOf({ ...threads, ESCAPEMENT_PARTITIONS: '8' }), /ESCAPEMENT_ACTOR_THREADS is 100, but only 8/);
  t.equal(configOf(threads).actorThreads, 100, 'the record may say that there are as many partitions');
});

t.test('each role takes what has an effect there', async (t) => {
  const variablesOf = (role: Role) => Object.values(settingsOf[role]).map(variableOf);
  t.same(variablesOf('serve'), Object.values(settings).map(variableOf));
  const needed = ['HOST', 'PORT', 'API_KEYS', 'TLS_CERT', 'NATS_URL', 'NODE_ID', 'PARTITIONS', 'LOG_LEVEL'];
  for (const role of roles) for (const name of needed) t.ok(variablesOf(role).includes(`ESCAPEMENT_${name}`), `${role} ${name}`);
  for (const name of ['DATA_DIR', 'DURABILITY', 'RETENTION_DAYS', 'ACTOR_THREADS', 'WEBHOOK_SECRET', 'CLUSTER']) {
    t.notOk(variablesOf('gateway').includes(`ESCAPEMENT_${name}`), name);
  }
  t.same(
    Object.keys(settings).filter((name) => !(name in settingsOf.engine)),
    ['cluster'],
  );
  const shared = { ESCAPEMENT_NATS_URL: 'nats://n1', ESCAPEMENT_RETENTION_DAYS: 'of another command' };
  t.equal(configOf(shared, 4, 'gateway').retentionDays, 7, 'variables of other commands are not read');
});

t.test('listening beyond loopback has to be meant', async (t) => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) t.equal(configOf({ ESCAPEMENT_HOST: host }).host, host);
  for (const host of ['0.0.0.0', '::', '192.168.1.4', 'engine.example.org', '127.0.0.1.example.org']) {
    t.throws(() => configOf({ ESCAPEMENT_HOST: host }), /ESCAPEMENT_INSECURE=true/, host);
    t.equal(configOf({ ESCAPEMENT_HOST: host, ESCAPEMENT_INSECURE: 'true' }).host, host);
    t.equal(configOf({ ESCAPEMENT_HOST: host, ESCAPEMENT_API_KEYS: 'keys.json' }).host, host);
  }
});

t.test('a certificate without its key is refused', async (t) => {
  t.throws(() => configOf({ ESCAPEMENT_TLS_CERT: 'a.pem' }), /set both or neither/);
  t.same(configOf({ ESCAPEMENT_TLS_CERT: 'a.pem', ESCAPEMENT_TLS_KEY: '/b.pem' }).tls, {
    certFile: '/srv/escapement/a.pem',
    keyFile: '/b.pem',
  });
});

t.test('what is out of range is refused', async (t) => {
  const wrong = {
    PORT: '65536',
    PARTITIONS: '0',
    DURABILITY: 'maybe',
    EGRESS: 'none',
    ORIGIN_CONCURRENCY: '0',
    BREAKER: 'yes',
    LOG_LEVEL: 'loud',
  };
  for (const [name, value] of Object.entries(wrong)) {
    t.throws(() => configOf({ [`ESCAPEMENT_${name}`]: value }), new RegExp(`^ESCAPEMENT_${name} must be`), name);
  }
});

t.test('an embedding program gets the defaults and what it gives', async (t) => {
  const config = defaultConfig({ dataDir: '/var/lib/x', partitions: 1, port: 0 });
  t.match(config, { dataDir: '/var/lib/x', partitions: 1, port: 0, egress: 'network', durability: 'fsync' });
  t.equal(config.actorThreads, 1);
});

t.test('the README lists every setting with its default', async (t) => {
  const readme = readFileSync('README.md', 'utf8');
  for (const setting of Object.values(settings)) {
    const fallback = setting.fallbackText ?? String(setting.fallback);
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${variableOf(setting)}\``));
    t.ok(row?.includes(fallback), `${variableOf(setting)}, default ${fallback}`);
  }
});
