import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Config, configFrom, defaultConfig, settings } from '../engine/config.js';
import { StartError } from '../engine/kernel/errors.js';
import { readSettings, variableOf } from '../engine/settings.js';

function configOf(env: Record<string, string> = {}, cores = 4): Config {
  return configFrom(readSettings(settings, { flags: new Map(), env }), { cwd: '/srv/escapement', cores });
}

t.test('without flags and environment it serves on loopback with the documented defaults', async (t) => {
  t.same(configOf(), {
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
