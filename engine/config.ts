/**
 * What can be set, and the only file that reads the environment.
 *
 * `settings` is the one list: names, defaults, rules, help text. Rules that concern several settings follow it in
 * `configFrom`. Nothing outside has been touched when a value is refused. Which command takes which of them: `command-line.ts`.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Surroundings } from './command-line.js';
import { StartError } from './kernel/errors.js';
import { attemptsInFlightMax, clusterPartitions, partitionsMax, replayWindow } from './kernel/limits.js';
import { version } from './kernel/version.js';
import type { NatsAddress } from './nats/nats-address.js';
import {
  list,
  natsAddress,
  nodeName,
  oneOf,
  readSettings,
  type Setting,
  text,
  type ValuesOf,
  webhookSecrets,
  wholeNumber,
  yesOrNo,
} from './settings.js';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = 'json' | 'pretty';

/**
 * What a process is of: `serve` all of it, `engine` partitions and couriers, asked over HTTP for health and metrics only, `gateway` what is asked
 * and told, without partitions and without a data directory.
 */
export const roles = ['serve', 'gateway', 'engine'] as const;
export type Role = (typeof roles)[number];

export interface ClusterConfig {
  /** Null: generated, and kept in the data directory if there is one. */
  readonly nodeId: string | null;
  /** Null: as the cluster's record says; a new cluster begins with the usual number. */
  readonly partitions: number | null;
}

export interface Config {
  readonly role: Role;
  /** Null: one node, alone. */
  readonly cluster: ClusterConfig | null;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** PEM files, as absolute paths. Null: plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** File of hashed API keys, as an absolute path. Null: no key is asked for. */
  readonly apiKeys: string | null;
  /** Absolute. Not used by a gateway. */
  readonly dataDir: string;
  /** In a cluster what a new one would begin with. */
  readonly partitions: number;
  /** In a cluster at most: its record may say that there are fewer partitions. */
  readonly actorThreads: number;
  readonly durability: 'fsync' | 'os';
  /** How long finished events stay readable. */
  readonly retentionDays: number;
  /** Empty: the one in the data directory, which is made at the first start. */
  readonly webhookSecrets: readonly string[];
  readonly egress: 'network' | 'public' | 'any';
  /** Hosts and CIDR ranges as they were written; the courier parses them. */
  readonly egressAllow: readonly string[];
  readonly originConcurrency: number;
  readonly breaker: boolean;
  /** Overdue events per second and origin after a stop. */
  readonly recoveryRate: number;
  /** Log positions of each partition that a stream cursor may lie back. */
  readonly replayWindow: number;
  /** Null: neither ingestion nor delivery through NATS. */
  readonly nats: NatsAddress | null;
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

function setting<Value>(definition: Setting<Value>): Setting<Value> {
  return definition;
}

/** Of one node alone. */
const partitionsAlone = 4;

export const settings = {
  host: setting({
    name: 'HOST',
    form: text,
    fallback: '127.0.0.1',
    meaning: 'address to listen on; beyond loopback only with --api-keys, or on purpose with --insecure',
  }),
  port: setting({
    name: 'PORT',
    form: wholeNumber({ min: 0, max: 65_535 }),
    fallback: 8080,
    meaning: 'HTTP and WebSocket; 0 picks a free one',
  }),
  tlsCert: setting<string | null>({
    name: 'TLS_CERT',
    form: { ...text, placeholder: 'file' },
    fallback: null,
    fallbackText: 'none',
    meaning: 'certificate chain, a PEM file; needs --tls-key',
  }),
  tlsKey: setting<string | null>({
    name: 'TLS_KEY',
    form: { ...text, placeholder: 'file' },
    fallback: null,
    fallbackText: 'none',
    meaning: 'its private key, a PEM file',
  }),
  apiKeys: setting<string | null>({
    name: 'API_KEYS',
    form: { ...text, placeholder: 'file' },
    fallback: null,
    fallbackText: 'none',
    meaning: 'file of hashed API keys, made by "escapement keys create"; read again when it changes',
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    form: { ...text, placeholder: 'folder' },
    fallback: './data',
    meaning: 'where everything is kept; locked, so that two processes cannot share it',
  }),
  partitions: setting<number | null>({
    name: 'PARTITIONS',
    form: wholeNumber({ min: 1, max: partitionsMax }),
    fallback: null,
    fallbackText: `${partitionsAlone}, in a cluster ${clusterPartitions}`,
    meaning: 'fixed when the data directory, or the cluster, is created; another value later is refused',
  }),
  actorThreads: setting<number | null>({
    name: 'ACTOR_THREADS',
    form: wholeNumber({ min: 1, max: partitionsMax }),
    fallback: null,
    fallbackText: 'cores - 1, at least 1, at most the partitions',
    meaning: 'threads that run the partitions',
  }),
  durability: setting<Config['durability']>({
    name: 'DURABILITY',
    form: oneOf(['fsync', 'os']),
    fallback: 'fsync',
    meaning: 'fsync: what was acknowledged is on disk; os: it was handed to the operating system',
  }),
  retentionDays: setting({
    name: 'RETENTION_DAYS',
    form: wholeNumber({ min: 1, max: 3_650 }),
    fallback: 7,
    meaning: 'how long finished events stay readable, from when they finished',
  }),
  webhookSecrets: setting<readonly string[]>({
    name: 'WEBHOOK_SECRET',
    form: webhookSecrets,
    fallback: [],
    fallbackText: 'generated, in the data directory',
    meaning: 'signs webhooks; several, separated by commas, while one replaces the other',
  }),
  egress: setting<Config['egress']>({
    name: 'EGRESS',
    form: oneOf(['network', 'public', 'any']),
    fallback: 'network',
    meaning:
      'where webhooks may go. network: not to link-local, cloud-metadata, multicast and unspecified addresses; public: public addresses only; any',
  }),
  egressAllow: setting<readonly string[]>({
    name: 'EGRESS_ALLOW',
    form: list,
    fallback: [],
    fallbackText: 'none',
    meaning: 'hosts and CIDR ranges that are allowed on top, separated by commas',
  }),
  originConcurrency: setting({
    name: 'ORIGIN_CONCURRENCY',
    form: wholeNumber({ min: 1, max: attemptsInFlightMax }),
    fallback: 64,
    meaning: 'attempts in flight for each destination origin',
  }),
  breaker: setting({
    name: 'BREAKER',
    form: yesOrNo(['on', 'off']),
    fallback: true,
    fallbackText: 'on',
    meaning: 'circuit breaker for each origin',
  }),
  recoveryRate: setting({
    name: 'RECOVERY_RATE',
    form: wholeNumber({ min: 1, max: 1_000_000 }),
    fallback: 1_000,
    meaning: 'overdue events per second for each destination origin after a stop',
  }),
  replayWindow: setting({
    name: 'REPLAY_WINDOW',
    form: wholeNumber({ min: 1, max: 1_000_000_000 }),
    fallback: replayWindow,
    meaning: 'changes of each partition that a stream cursor may lie back; they are read from the log',
  }),
  nats: setting<NatsAddress | null>({
    name: 'NATS_URL',
    form: natsAddress,
    fallback: null,
    fallbackText: 'none',
    meaning: 'turns ingestion from NATS and delivery to NATS on; several servers of one cluster, separated by commas',
  }),
  cluster: setting({
    name: 'CLUSTER',
    form: yesOrNo(['true', 'false']),
    fallback: false,
    meaning: 'partitions are shared with other nodes, through NATS; needs --nats-url',
  }),
  nodeId: setting<string | null>({
    name: 'NODE_ID',
    form: nodeName,
    fallback: null,
    fallbackText: 'generated, in the data directory',
    meaning: 'name in the cluster, of this node alone',
  }),
  insecure: setting({
    name: 'INSECURE',
    form: yesOrNo(['true', 'false']),
    fallback: false,
    meaning: 'allows listening beyond loopback although anybody who can connect may do anything',
  }),
  logLevel: setting<LogLevel>({
    name: 'LOG_LEVEL',
    form: oneOf(logLevels),
    fallback: 'info',
    meaning: 'the least that is logged',
  }),
  logFormat: setting<LogFormat>({
    name: 'LOG_FORMAT',
    form: oneOf(['json', 'pretty']),
    fallback: 'json',
    meaning: 'json: one object a line; pretty: for a terminal',
  }),
};

/**
 * Which of them a role takes: a flag without an effect would be a promise that is not kept. What is kept and what is delivered is not a gateway's business.
 */
export const settingsOf = {
  serve: settings,
  gateway: without([
    'dataDir',
    'actorThreads',
    'durability',
    'retentionDays',
    'webhookSecrets',
    'originConcurrency',
    'breaker',
    'recoveryRate',
    'cluster',
  ]),
  engine: without(['cluster']),
};

function without<Name extends keyof typeof settings>(names: readonly Name[]): Omit<typeof settings, Name> {
  const taken = Object.entries(settings).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(taken) as Omit<typeof settings, Name>;
}

/** Of this very process: the one place that reads its environment. */
export function surroundingsOf(argv: readonly string[]): Surroundings {
  return { argv, env: process.env, cwd: process.cwd(), cores: availableParallelism(), version };
}

const nothingGiven = { flags: new Map<string, string>(), env: {} };

/** The defaults, for a program that embeds the engine and for tests. Reads no environment. */
export function defaultConfig(given: Partial<Config> & { readonly dataDir: string }): Config {
  const machine = { role: 'serve', cwd: given.dataDir, cores: availableParallelism() } as const;
  return { ...configFrom(readSettings(settings, nothingGiven), machine), ...given };
}

/** Rules that concern several settings. What the role does not take may be left out of `values`. Throws StartError. */
export function configFrom(
  values: Partial<ValuesOf<typeof settings>>,
  { role, ...machine }: { readonly role: Role; readonly cwd: string; readonly cores: number },
): Config {
  const given = { ...readSettings(settings, nothingGiven), ...values };
  const { tlsCert, tlsKey, apiKeys, actorThreads, cluster, nodeId, partitions: wanted, ...rest } = given;
  const { host, insecure, nats } = rest;
  const isClustered = cluster || role !== 'serve';
  const partitions = wanted ?? (isClustered ? clusterPartitions : partitionsAlone);
  if (isClustered && nats === null) {
    const what = role === 'serve' ? 'ESCAPEMENT_CLUSTER=true' : `"escapement ${role}"`;
    throw new StartError(`${what} needs ESCAPEMENT_NATS_URL: the nodes of a cluster share their work through NATS`);
  }
  if (!isLoopback(host) && apiKeys === null && !insecure) {
    throw new StartError(
      `ESCAPEMENT_HOST is ${host}, which others can reach, and nothing asks them who they are: set ESCAPEMENT_API_KEYS (see "escapement keys --help"), or ESCAPEMENT_INSECURE=true if that is meant`,
    );
  }
  if ((tlsCert === null) !== (tlsKey === null)) {
    throw new StartError('ESCAPEMENT_TLS_CERT and ESCAPEMENT_TLS_KEY belong together: set both or neither');
  }
  // How many partitions a cluster has that was there before may be known to its record alone.
  const isKnown = wanted !== null || !isClustered;
  if (actorThreads !== null && isKnown && actorThreads > partitions) {
    throw new StartError(
      `ESCAPEMENT_ACTOR_THREADS is ${actorThreads}, but only ${partitions} can be used: each thread needs a partition of its own`,
    );
  }
  return {
    ...rest,
    role,
    cluster: isClustered ? { nodeId, partitions: wanted } : null,
    partitions,
    tls:
      tlsCert === null || tlsKey === null
        ? null
        : { certFile: resolve(machine.cwd, tlsCert), keyFile: resolve(machine.cwd, tlsKey) },
    apiKeys: apiKeys === null ? null : resolve(machine.cwd, apiKeys),
    dataDir: resolve(machine.cwd, rest.dataDir),
    actorThreads: actorThreads ?? Math.max(1, Math.min(machine.cores - 1, partitions)),
  };
}

/** Names other than localhost may resolve to anything, so they do not count. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
